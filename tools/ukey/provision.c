/* Provisioning: a fresh key, its containers certified, its seal, everything read back and tried,
 * the image handed out. */
#include "tools/ukey/provision.h"

#include "agent/identity/atomic_file.h"
#include "module/formats/seal.h"
#include "openukey/formats.h"
#include "tools/orderd/ca/ca.h"
#include "tools/orderd/seal_picture.h"
#include "tools/ukey/container.h"
#include "tools/ukey/key.h"
#include "tools/ukey/manifest.h"
#include "tools/ukey/profile.h"
#include "tools/ukey/simulator.h"
#include "tools/ukey/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IMAGE_MAX = 16 * 1024 * 1024 };

/* Everything that one provisioning holds. */
struct work {
    const struct provision_options *options;
    struct profile profile;
    struct ca *ca;
    struct simulator simulator;
    struct key key;
    struct container containers[PROFILE_CONTAINERS_MAX];
    char seal_id[SEAL_ID_MAX + 1];
    struct octets seal;
};

static bool ca_ready(struct work *work) {
    const char *directory = work->options->ca;
    enum ca_error error = ca_open(NULL, directory, NULL, &work->ca);
    if (error == CA_ABSENT)
        text_complain(TEXT_CA_ABSENT, directory, NULL, NULL);
    else if (error == CA_STORE)
        text_complain(TEXT_CA_SYSTEM, directory, ca_error_text(error), strerror(errno));
    else if (error != CA_OK)
        text_complain(TEXT_CA, directory, ca_error_text(error), NULL);
    return error == CA_OK;
}

static bool seal_make(struct work *work) {
    const struct profile_seal *wanted = &work->profile.seal;
    const struct container *owner = &work->containers[wanted->container];
    struct octets drawn = {NULL, 0};
    const struct octets *picture = &wanted->picture;
    if (picture->len == 0) {
        if (!seal_picture_png(wanted->name, wanted->width_mm, wanted->height_mm, &drawn)) {
            text_complain(TEXT_SEAL_PICTURE, wanted->name, NULL, NULL);
            return false;
        }
        picture = &drawn;
    }
    enum ca_error error = ca_seal_id(work->ca, work->seal_id);
    if (error == CA_OK)
        error = ca_seal(work->ca,
                        &(struct ca_seal_request){.id = work->seal_id,
                                                  .type = wanted->type,
                                                  .name = wanted->name,
                                                  .width_mm = wanted->width_mm,
                                                  .height_mm = wanted->height_mm,
                                                  .picture = picture->data,
                                                  .picture_len = picture->len,
                                                  .certificates = &owner->sign,
                                                  .certificate_count = 1,
                                                  .created = wanted->valid_start,
                                                  .valid_start = wanted->valid_start,
                                                  .valid_end = wanted->valid_end},
                        &work->seal);
    octets_free(&drawn);
    if (error != CA_OK)
        text_complain(TEXT_CA, work->options->ca, ca_error_text(error), NULL);
    return error == CA_OK;
}

/* Writes the seal, reads it back and checks it to the root as anyone would. */
static bool seal_install(struct work *work) {
    char name[SEAL_ID_MAX + sizeof SEAL_FILE_SUFFIX];
    struct octets back = {NULL, 0};
    struct seal *seal = NULL;
    if (!work->profile.has_seal)
        return true;
    if (!seal_make(work))
        return false;
    snprintf(name, sizeof name, "%s%s", work->seal_id, SEAL_FILE_SUFFIX);
    if (!key_write_file(&work->key, name, &work->seal) || !key_read_file(&work->key, name, &back))
        return false;
    bool same = octets_equal(&back, &work->seal);
    const struct octets *signer = &work->containers[work->profile.seal.container].sign;
    enum formats_error error =
        same ? seal_parse(NULL, back.data, back.len, &seal) : FORMATS_MISMATCH;
    if (error == FORMATS_OK && !seal_lists_certificate(seal, signer->data, signer->len))
        error = FORMATS_MISMATCH;
    if (error == FORMATS_OK)
        error = container_check_seal(work->ca, seal);
    if (error != FORMATS_OK)
        text_complain(TEXT_FORMATS, name, formats_error_text(error), NULL);
    seal_free(seal);
    octets_free(&back);
    return error == FORMATS_OK;
}

static bool key_fill(struct work *work) {
    const struct profile *profile = &work->profile;
    if (!key_open(&work->key, work->options->module, work->simulator.folder) ||
        !key_initialize(&work->key, profile->label, profile->admin_pin, profile->user_pin))
        return false;
    for (size_t i = 0; i < profile->container_count; i++)
        if (!container_make(&work->key, work->ca, &profile->containers[i], &work->containers[i]))
            return false;
    if (!seal_install(work))
        return false;
    if (profile->has_unlock_key &&
        !key_set_unlock_key(&work->key, profile->unlock_key, sizeof profile->unlock_key))
        return false;
    if (profile->must_change &&
        !key_demand_change(&work->key, profile->admin_pin, profile->user_pin))
        return false;
    return profile->tries_left < 0 ||
           key_use_up_tries(&work->key, profile->user_pin, profile->tries_left);
}

/* The finished image, from the simulator's folder to its place. */
static bool image_hand_out(const struct work *work) {
    const char *from = work->simulator.image;
    struct stat info;
    unsigned char *bytes = NULL;
    size_t len = 0;
    bool done = false;
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size > 0 && info.st_size <= IMAGE_MAX &&
        (bytes = malloc((size_t)info.st_size)) != NULL) {
        ssize_t n = 1;
        while (len < (size_t)info.st_size && n > 0) {
            n = read(fd, bytes + len, (size_t)info.st_size - len);
            len += n > 0 ? (size_t)n : 0;
        }
        done = len == (size_t)info.st_size;
    }
    if (!done)
        text_complain(TEXT_SYSTEM, from, strerror(errno), NULL);
    if (done && atomic_file_write(work->options->out, bytes, len, 0600) != 0) {
        text_complain(TEXT_SYSTEM, work->options->out, strerror(errno), NULL);
        done = false;
    }
    if (fd >= 0)
        close(fd);
    free(bytes);
    return done;
}

static bool manifest_hand_out(const struct work *work) {
    if (work->options->manifest == NULL)
        return true;
    const struct manifest_facts facts = {.serial = work->key.serial,
                                         .label = work->profile.label,
                                         .manufacturer = work->profile.manufacturer,
                                         .profile = &work->profile,
                                         .containers = work->containers,
                                         .seal_id = work->seal_id,
                                         .seal = &work->seal};
    struct octets text;
    if (!manifest_write(&facts, &text))
        return false;
    bool done = atomic_file_write(work->options->manifest, text.data, text.len,
                                  work->profile.has_unlock_key ? 0600 : 0644) == 0;
    if (!done)
        text_complain(TEXT_SYSTEM, work->options->manifest, strerror(errno), NULL);
    octets_free(&text);
    return done;
}

bool provision(const struct provision_options *options) {
    struct work work = {.options = options};
    bool done = profile_read(options->profile, options->now, &work.profile) && ca_ready(&work) &&
                simulator_open(&work.simulator, options->sim, work.profile.serial,
                               work.profile.label, work.profile.manufacturer) &&
                key_fill(&work) && manifest_hand_out(&work);
    if (done && !options->is_quiet)
        text_say(TEXT_PROVISIONED, options->out, work.key.serial);
    key_close(&work.key);
    done = done && simulator_stop(&work.simulator) && image_hand_out(&work);
    simulator_close(&work.simulator);
    for (size_t i = 0; i < PROFILE_CONTAINERS_MAX; i++)
        container_free(&work.containers[i]);
    octets_free(&work.seal);
    ca_close(work.ca);
    profile_free(&work.profile);
    return done;
}
