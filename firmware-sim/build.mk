# sources of firmware-sim/, see the Makefile

# the card: what a firmware would be made of
ARCHIVES += firmware
firmware_SRCS := $(wildcard firmware-sim/core/*.c) $(wildcard firmware-sim/crypto/*.c) $(wildcard firmware-sim/applets/*/*.c)
firmware_LDLIBS := -lmbedcrypto

# the simulator: the card behind its ports
PROGRAMS += ukey-sim
ukey-sim_SRCS := $(wildcard firmware-sim/ports/*.c)
ukey-sim_DEPS := firmware
