# the order service: archive orderd (all but main), embedded files, program ukey-orderd; the CA's archive is in tools/ukey/build.mk
ARCHIVES += orderd orderd_sql orderd_web orderd_sdk
orderd_sql_ASSETS := $(sort $(wildcard tools/orderd/store/migrations/*.sql))
orderd_web_ASSETS := $(sort $(wildcard tools/orderd/web/*)) docs/api/orderd.yaml
orderd_sdk_ASSETS := $(SDK_FILES)

orderd_SRCS := tools/orderd/server.c tools/orderd/config.c tools/orderd/clock.c \
               tools/orderd/text.c tools/orderd/import.c agent/log.c \
               $(sort $(wildcard tools/orderd/store/*.c tools/orderd/engine/*.c tools/orderd/engine/profiles/*.c \
                                 tools/orderd/third/*.c tools/orderd/api/*.c))
orderd_DEPS := orderd_sql orderd_web orderd_sdk ca formats http identity
orderd_PKGS := jansson libcrypto libcurl sqlite3 libpq
orderd_LDLIBS := -lpthread

PROGRAMS += ukey-orderd
ukey-orderd_SRCS := tools/orderd/main.c
ukey-orderd_DEPS := orderd
ukey-orderd_PKGS := jansson libcrypto

# looks at uploads, in a process of its own
PROGRAMS += ukey-inspect
ukey-inspect_SRCS := tools/orderd/inspect/inspect.c tools/orderd/inspect/document.c
ukey-inspect_PKGS := gdk-pixbuf-2.0

# a key in software, for the integration tests
PROGRAMS += soft-key
soft-key_SRCS := tests/support/soft_key.c
soft-key_DEPS := ca formats
soft-key_PKGS := jansson libcrypto

TESTS += test_orderd_window test_orderd_flow test_orderd_store test_orderd_transition test_orderd_payment test_orderd_issue test_orderd_field test_orderd_manuals \
         test_orderd_task_key test_orderd_token test_orderd_queue
test_orderd_window_SRCS := tests/unit/orderd/test_window.c tests/unit/orderd/fixture.c
test_orderd_manuals_SRCS := tests/unit/orderd/test_manuals.c tests/unit/orderd/fixture.c
test_orderd_task_key_SRCS := tests/unit/orderd/test_task_key.c tests/unit/orderd/fixture.c
test_orderd_token_SRCS := tests/unit/orderd/test_token.c tests/unit/orderd/fixture.c
test_orderd_queue_SRCS := tests/unit/orderd/test_queue.c tests/unit/orderd/fixture.c
test_orderd_field_SRCS := tests/unit/orderd/test_field.c tests/unit/orderd/fixture.c
test_orderd_flow_SRCS := tests/unit/orderd/test_flow.c tests/unit/orderd/fixture.c
test_orderd_store_SRCS := tests/unit/orderd/test_store.c tests/unit/orderd/fixture.c
test_orderd_transition_SRCS := tests/unit/orderd/test_transition.c tests/unit/orderd/fixture.c
test_orderd_payment_SRCS := tests/unit/orderd/test_payment.c tests/unit/orderd/fixture.c
test_orderd_issue_SRCS := tests/unit/orderd/test_issue.c tests/unit/orderd/fixture.c
# each step of the CA can be made to fail
test_orderd_issue_LDLIBS := -Wl,--wrap=ca_plan -Wl,--wrap=ca_issue -Wl,--wrap=ca_seal
$(foreach t,window flow store transition payment issue field manuals task_key token queue,\
  $(eval test_orderd_$(t)_DEPS := orderd)$(eval test_orderd_$(t)_PKGS := cmocka jansson libcrypto))

# random sequences against the engine; what is slow or outside is played (tests/unit/orderd/property/world_fakes.c)
TESTS += test_orderd_property
test_orderd_property_SRCS := tests/unit/orderd/property/test_property.c tests/unit/orderd/fixture.c \
                             $(filter-out %/test_property.c,$(sort $(wildcard tests/unit/orderd/property/*.c)))
test_orderd_property_DEPS := orderd
test_orderd_property_PKGS := cmocka jansson libcrypto
test_orderd_property_LDLIBS := $(foreach f,clock_now_ms PKCS5_PBKDF2_HMAC blob_put blob_get inspector_run seal_picture_png ca_plan ca_issue \
                                 ca_seal certificate_verify_message signed_object_read,-Wl,--wrap=$(f))

# the same program with a hand on its power switch (tests/faults/orderd/boundaries.c): a test's, never installed
PROGRAMS += ukey-orderd-faults
ukey-orderd-faults_SRCS := tools/orderd/main.c tests/faults/orderd/boundaries.c
ukey-orderd-faults_DEPS := orderd
ukey-orderd-faults_PKGS := jansson libcrypto sqlite3
ukey-orderd-faults_LDLIBS := $(foreach f,sqlite3_open_v2 ca_plan ca_issue ca_seal blob_put http_post messenger_sim invoicer_sim payment_sim_provider \
                               identity_sim_provider,-Wl$(comma)--wrap=$(f))
