# Fuzzers: libFuzzer with the address and undefined-behaviour sanitizers, so clang's. Built apart from the other variants.

FUZZ := build/fuzz
FUZZ_CC := clang
FUZZ_CFLAGS := -std=c17 -O1 -g $(WARNINGS) -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
fuzz_apdu_SRCS := tests/fuzz/fuzz_apdu.c tests/unit/firmware-sim/flash_ram.c $(firmware_SRCS)

$(FUZZ)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  FUZZ $<"
	$(Q)$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@
$(FUZZ)/fuzz_apdu: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_apdu_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -Wl,--wrap=mbedtls_rsa_gen_key -o $@ $^ -lmbedcrypto

fuzz_usb_SRCS := tests/fuzz/fuzz_usb.c tests/unit/module/fake_usb.c module/log.c \
    $(addprefix module/transport/,transport.c ccid.c t1.c short_apdu.c usb_reader.c)
$(FUZZ)/fuzz_usb: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_usb_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^

# what takes a card's answers apart: the drivers on a script of answers, and the parsers of bytes alone
fuzz_responses_SRCS := module/log.c module/transport/transport.c $(filter-out module/token/driver.c,$(wildcard module/token/*.c)) \
    $(addprefix module/formats/,octets.c sm2.c sm2_cipher.c der.c)
fuzz_driver_SRCS := tests/fuzz/fuzz_driver.c $(fuzz_responses_SRCS)
fuzz_response_SRCS := tests/fuzz/fuzz_response.c module/token/driver.c $(fuzz_responses_SRCS)
$(FUZZ)/fuzz_driver: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_driver_SRCS))
$(FUZZ)/fuzz_response: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_response_SRCS))
$(FUZZ)/fuzz_driver $(FUZZ)/fuzz_response:
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ -lcrypto -lz

-include $(shell find $(FUZZ)/obj -name '*.d' 2>/dev/null)

.PHONY: fuzz
fuzz: $(FUZZ)/fuzz_apdu $(FUZZ)/fuzz_usb $(FUZZ)/fuzz_driver $(FUZZ)/fuzz_response ## build the fuzzers (clang); tests/fuzz/ says how they run
