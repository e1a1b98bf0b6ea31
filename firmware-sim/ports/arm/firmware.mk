# The card as firmware for a Cortex-M: core, applets and crypto as they are, mbedTLS from source, a tiny port.
# Images: ukey-firmware.elf is the card; ukey-vectors.elf runs the known answers and a session on it, then ends.

ARM := build/arm
ARM_OUT := $(ARM)# where images go
ARM_SCRIPT := firmware-sim/ports/arm/image.ld
ARM_CC := arm-none-eabi-gcc
MBEDTLS := build/deps/mbedtls
ARM_CPU := -mcpu=cortex-m4 -mthumb
ARM_CFLAGS := $(ARM_CPU) -std=c17 -Os -g -ffreestanding -ffunction-sections -fdata-sections -fstack-usage -I. -Iinclude \
              -isystem $(MBEDTLS)/include -DMBEDTLS_CONFIG_FILE='"firmware-sim/ports/arm/mbedtls_config.h"' -DOPENUKEY_QEMU_ONLY
ARM_WARNINGS := $(filter-out -Wformat=2,$(WARNINGS))
ARM_LDFLAGS := $(ARM_CPU) -nostartfiles --specs=nano.specs -Wl,--gc-sections -Wl,--fatal-warnings -T$(ARM_SCRIPT)

arm_card := $(firmware_SRCS)
arm_port := $(addprefix firmware-sim/ports/arm/,startup.c semihosting.c arena.c flash_memory.c entropy_stub.c serial.c)
arm_mbedtls := $(addprefix $(MBEDTLS)/library/,aes.c asn1parse.c asn1write.c bignum.c constant_time.c ctr_drbg.c des.c ecdh.c \
    ecdsa.c ecp.c ecp_curves.c hmac_drbg.c md.c memory_buffer_alloc.c oid.c platform.c platform_util.c rsa.c rsa_internal.c \
    sha1.c sha256.c sha512.c)
arm_firmware := firmware-sim/ports/arm/main.c
arm_vectors := $(addprefix tests/unit/firmware-sim/,arm_vectors.c session.c)
arm_objects = $(patsubst %.c,$(ARM)/obj/%.o,$(1))

$(arm_mbedtls) &: tools/setup/mbedtls.sh
	$(Q)tools/setup/mbedtls.sh $(MBEDTLS)
	@touch $(arm_mbedtls)

$(ARM)/obj/$(MBEDTLS)/%.o: $(MBEDTLS)/%.c firmware-sim/ports/arm/mbedtls_config.h
	@mkdir -p $(@D)
	@echo "  ARM  $<"
	$(Q)$(ARM_CC) $(ARM_CFLAGS) -w -c $< -o $@
$(ARM)/obj/%.o: %.c firmware-sim/ports/arm/mbedtls_config.h | $(arm_mbedtls)
	@mkdir -p $(@D)
	@echo "  ARM  $<"
	$(Q)$(ARM_CC) $(ARM_CFLAGS) $(ARM_WARNINGS) -MMD -MP -c $< -o $@

$(ARM_OUT)/ukey-%.elf: $(ARM_SCRIPT)
	@mkdir -p $(@D)
	$(Q)$(ARM_CC) $(ARM_LDFLAGS) -Wl,-Map,$(@:.elf=.map) -o $@ $(filter %.o,$^)
$(ARM_OUT)/ukey-firmware.elf: $(call arm_objects,$(arm_card) $(arm_port) $(arm_mbedtls) $(arm_firmware))
$(ARM_OUT)/ukey-vectors.elf: $(call arm_objects,$(arm_card) $(arm_port) $(arm_mbedtls) $(arm_vectors))

-include $(shell find $(ARM)/obj -name '*.d' 2>/dev/null)

.PHONY: firmware-arm
firmware-arm: $(ARM_OUT)/ukey-firmware.elf $(ARM_OUT)/ukey-vectors.elf ## the card as firmware for a Cortex-M; prints flash and RAM
	@firmware-sim/ports/arm/report.sh $^
