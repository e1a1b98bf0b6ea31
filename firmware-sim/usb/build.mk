# program ukey-sim-usb: a program under umockdev with the key as its USB device; left out where umockdev is not installed
ifeq ($(shell pkg-config --exists umockdev-1.0 && echo yes),yes)
PROGRAMS += ukey-sim-usb
ukey-sim-usb_SRCS := firmware-sim/usb/ukey_sim_usb.c firmware-sim/usb/guest.c firmware-sim/usb/testbed.c
ukey-sim-usb_PKGS := umockdev-1.0
endif
