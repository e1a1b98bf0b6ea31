# Fuzzers: libFuzzer with the address and undefined-behaviour sanitizers, so clang's. Built apart from the other variants.

FUZZ := build/fuzz
FUZZ_CC := clang
FUZZ_CFLAGS := -std=c17 -O1 -g $(WARNINGS) -Wno-error -Werror=incompatible-pointer-types -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
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

# what programs hand to the module, and bytes of cards and dialogs
fuzz_templates_SRCS := tests/fuzz/fuzz_templates.c $(filter-out %/session_fixture.c,$(module_fake_card)) \
    $(filter-out module/transport/sim_transport.c,$(p11core_SRCS)) $(formats_SRCS) $(pinentry_SRCS)
$(FUZZ)/fuzz_templates: FUZZ_CFLAGS += $(patsubst -I%,-isystem%,$(call pkg_ask,cflags,libpcsclite) $(call pkg_ask,cflags,libusb-1.0))
$(FUZZ)/fuzz_templates: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_templates_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ -lcrypto -lz -ljansson -ldl -lpthread
fuzz_parsers_SRCS := tests/fuzz/fuzz_parsers.c module/pinentry/assuan.c module/token/attribute_records.c module/token/wire.c $(formats_SRCS)
$(FUZZ)/fuzz_parsers: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_parsers_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ -lcrypto -ljansson

# what faces outside in the order service: whole requests on a service in memory, and its other readers by themselves
fuzz_house_ASSETS := $(patsubst %,$(B)/gen/%_assets.c,orderd_sql orderd_web orderd_sdk)
fuzz_house_SRCS := tests/fuzz/fake_house.c tests/fuzz/fake_web.c $(fuzz_house_ASSETS) $(http_SRCS) $(identity_SRCS) $(ca_SRCS) $(formats_SRCS) \
    $(filter-out tools/orderd/server.c tools/orderd/store/pool.c tools/orderd/third/worker.c tools/orderd/third/http_post.c,$(orderd_SRCS))
fuzz_house_WRAPS := RAND_bytes RAND_priv_bytes PKCS5_PBKDF2_HMAC fsync sqlite3_open_v2 clock_now_ms inspector_run
fuzz_house_LINK := $(patsubst %,-Wl$(comma)--wrap=%,$(fuzz_house_WRAPS)) $(call pkg_ask,libs,pangocairo) -ljansson -lsqlite3 -lpq -lssl -lcrypto -lm -lpthread -ldl
fuzz_inputs_SRCS := tests/fuzz/fuzz_inputs.c $(fuzz_house_SRCS)
fuzz_requests_SRCS := tests/fuzz/fuzz_requests.c $(fuzz_house_SRCS)
$(FUZZ)/fuzz_requests $(FUZZ)/fuzz_inputs: FUZZ_CFLAGS += -isystem $(CIVETWEB)/include $(patsubst -I%,-isystem%,$(call pkg_ask,cflags,pangocairo) $(call pkg_ask,cflags,libpq))
$(FUZZ)/obj/tests/fuzz/fake_web.o: FUZZ_CFLAGS += -w -isystem $(CIVETWEB)/src
$(FUZZ)/fuzz_requests: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_requests_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(fuzz_house_LINK)
$(FUZZ)/fuzz_inputs: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_inputs_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -Wl,--wrap=registry_check_chain -o $@ $^ $(fuzz_house_LINK)
fuzz_inspect_SRCS := tests/fuzz/fuzz_inspect.c tools/orderd/inspect/document.c
$(FUZZ)/fuzz_inspect: FUZZ_CFLAGS += $(patsubst -I%,-isystem%,$(call pkg_ask,cflags,gdk-pixbuf-2.0))
$(FUZZ)/fuzz_inspect: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_inspect_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(call pkg_ask,libs,gdk-pixbuf-2.0)
# what the world sends to the CA's OCSP responder
fuzz_ocsp_SRCS := tests/fuzz/fuzz_ocsp.c $(filter-out tools/orderd/seal_picture.c,$(ca_SRCS)) $(formats_SRCS)
$(FUZZ)/fuzz_ocsp: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_ocsp_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ -lcrypto -ljansson -lpthread

# what judges signatures, stamps and envelopes of strangers
fuzz_signatures_SRCS := tests/fuzz/fuzz_signatures.c $(formats_SRCS)
$(FUZZ)/fuzz_signatures: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_signatures_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ -lcrypto -ljansson

# what a job reads of the order service
fuzz_tasks_SRCS := tests/fuzz/fuzz_tasks.c agent/jobs/task.c agent/jobs/issued.c agent/http/json.c $(formats_SRCS)
$(FUZZ)/fuzz_tasks: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_tasks_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -Wl,--wrap=EVP_DigestVerify -o $@ $^ -lcrypto -ljansson

# what the world says to the agent: pages, dialogs, modules of other makers, order services, files
fuzz_agent_key_SRCS := $(agent_key_SRCS) $(agent_core_SRCS) $(agent_consent_SRCS) $(agent_token_SRCS) $(agent_foreign_SRCS) $(pinentry_SRCS) $(formats_SRCS)
fuzz_civetweb_CFLAGS := -isystem $(CIVETWEB)/include
fuzz_web_LINK := $(patsubst %,-Wl$(comma)--wrap=%,SSL_read SSL_write SSL_get_error SSL_has_pending)

fuzz_websocket_SRCS := tests/fuzz/fuzz_websocket.c tests/fuzz/fake_web.c $(http_SRCS) $(identity_SRCS)
$(FUZZ)/fuzz_websocket: FUZZ_CFLAGS += $(fuzz_civetweb_CFLAGS)
$(FUZZ)/fuzz_websocket: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_websocket_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer $(fuzz_web_LINK) -o $@ $^ -ljansson -lssl -lcrypto -lpthread -ldl

fuzz_dialogs_SRCS := tests/fuzz/fuzz_dialogs.c agent/consent/dialog.c agent/http/json.c \
    $(addprefix agent/consent/,dialog/request.c dialog/content.c dialog/texts.c terminal/flow.c terminal/pages.c) \
    $(filter-out module/pinentry/child.c,$(pinentry_SRCS))
$(FUZZ)/fuzz_dialogs: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_dialogs_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -Wl,--wrap=clock_gettime -o $@ $^ -lcrypto -ljansson

fuzz_foreign_SRCS := tests/fuzz/fuzz_foreign.c agent/foreign/wire.c agent/foreign/process.c agent/foreign/remote.c agent/log.c
$(FUZZ)/fuzz_foreign: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_foreign_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -Wl,--wrap=kill,--wrap=waitpid -o $@ $^ -lcrypto -lpthread

fuzz_upstream_SRCS := tests/fuzz/fuzz_upstream.c tests/fuzz/fake_upstream.c agent/proxy/proxy.c agent/proxy/path.c agent/config.c \
    agent/access/origin.c agent/foreign/registry.c agent/http/json.c agent/http/route.c agent/clock.c agent/log.c module/formats/calendar.c
$(FUZZ)/fuzz_upstream: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_upstream_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -Wl,--wrap=curl_easy_setopt -o $@ $^ -lcurl -lcrypto -ljansson -lpthread

fuzz_files_SRCS := tests/fuzz/fuzz_files.c $(filter-out agent/identity/trust.c,$(identity_SRCS)) $(http_SRCS) $(fuzz_agent_key_SRCS)
fuzz_files_WRAPS := fsync fdatasync EVP_Digest PEM_read_bio_X509 log_write
$(FUZZ)/fuzz_files: FUZZ_CFLAGS += $(fuzz_civetweb_CFLAGS)
$(FUZZ)/fuzz_files: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_files_SRCS)) $(B)/lib/libcivetweb.a
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer $(patsubst %,-Wl$(comma)--wrap=%,$(fuzz_files_WRAPS)) -o $@ $^ -lcurl -lssl -lcrypto -ljansson -lpthread -ldl

fuzz_agent_SRCS := tests/fuzz/fuzz_agent.c tests/fuzz/fake_web.c tests/fuzz/fake_upstream.c tests/unit/agent-key/mock_module.c \
    $(filter-out tools/orderd/seal_picture.c,$(ca_SRCS)) $(http_SRCS) $(identity_SRCS) $(fuzz_agent_key_SRCS)
fuzz_agent_WRAPS := consent_ask consent_ask_pin consent_pin_free peer_find_uid fsync fdatasync token_sign token_sign_digest token_decrypt curl_easy_setopt
$(FUZZ)/fuzz_agent: FUZZ_CFLAGS += $(fuzz_civetweb_CFLAGS)
$(FUZZ)/fuzz_agent: $(patsubst %.c,$(FUZZ)/obj/%.o,$(fuzz_agent_SRCS))
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer $(fuzz_web_LINK) $(patsubst %,-Wl$(comma)--wrap=%,$(fuzz_agent_WRAPS)) -rdynamic -o $@ $^ \
	  -lcurl -lssl -lcrypto -ljansson -lpthread -ldl

-include $(shell find $(FUZZ)/obj -name '*.d' 2>/dev/null)

.PHONY: fuzz
fuzz: $(FUZZ)/fuzz_apdu $(FUZZ)/fuzz_usb $(FUZZ)/fuzz_driver $(FUZZ)/fuzz_response $(FUZZ)/fuzz_templates $(FUZZ)/fuzz_parsers $(FUZZ)/fuzz_signatures $(FUZZ)/fuzz_requests $(FUZZ)/fuzz_inputs $(FUZZ)/fuzz_inspect $(FUZZ)/fuzz_ocsp $(FUZZ)/fuzz_tasks $(patsubst %,$(FUZZ)/fuzz_%,agent websocket dialogs foreign upstream files) ## build the fuzzers (clang); tests/fuzz/ says how they run
