/* Putting a key together and taking it apart. */
#include "firmware-sim/ports/token.h"

#include "firmware-sim/ports/image.h"
#include "firmware-sim/ports/options.h"

#include <errno.h>

static void add_applets(struct token *token) {
    gm_init(&token->gm, &token->card);
    card_add_applet(&token->card, &token->gm.applet);
    piv_init(&token->piv, &token->card);
    card_add_applet(&token->card, &token->piv.applet);
}

int token_open(struct token *token, struct loop *loop, const char *image,
               const struct entropy *entropy, const struct clock *clock) {
    uint32_t page;
    token->image = image;
    token->entropy = *entropy;
    token->trace.clock = clock;
    enum flash_file_error file_err = flash_file_open(&token->file, image);
    if (file_err)
        return image_failure(file_err, image);
    flash_power_init(&token->power, flash_file_flash(&token->file));
    add_applets(token);
    token->reader.loop = loop;
    token->reader.card = &token->card;
    token->reader.flash = flash_power_flash(&token->power);
    token->reader.power = &token->power;
    token->reader.entropy = entropy_read;
    token->reader.entropy_ctx = &token->entropy;
    token->reader.trace = &token->trace;
    enum card_error card_err = reader_insert(&token->reader, &page);
    return card_err ? card_failure(card_err, image, page) : 0;
}

static int listen_failure(const char *path) {
    return errno == EADDRINUSE ? failure(MSG_SOCKET_IN_USE, path, NULL) : system_failure(path);
}

int token_serve(struct token *token, const struct token_places *places) {
    token->has_socket =
        places->socket && socket_port_open(&token->socket, &token->reader, places->socket);
    if (places->socket && !token->has_socket)
        return listen_failure(places->socket);
    if (places->control) {
        token->control.hosts = &token->socket.count;
        token->control.file = &token->file;
        token->control.seeded = token->entropy.seed_len != 0;
        token->has_control = control_port_open(&token->control, &token->reader, places->control);
        if (!token->has_control)
            return listen_failure(places->control);
    }
    if (places->usbredir) {
        token->has_usbredir =
            usbredir_port_open(&token->usbredir, &token->reader, places->usbredir);
        if (!token->has_usbredir)
            return listen_failure(places->usbredir);
    }
    for (unsigned i = 0; i < places->vpcd_count; i++) {
        if (!vpcd_port_open(&token->vpcd[i], &token->reader, places->vpcd[i]))
            return usage_error(MSG_BAD_TARGET, places->vpcd[i]);
        token->vpcd_count++;
    }
    return 0;
}

void token_close(struct token *token) {
    while (token->vpcd_count)
        vpcd_port_close(&token->vpcd[--token->vpcd_count]);
    if (token->has_usbredir)
        usbredir_port_close(&token->usbredir);
    if (token->has_control)
        control_port_close(&token->control);
    if (token->has_socket)
        socket_port_close(&token->socket);
    reader_remove(&token->reader);
    trace_close(&token->trace);
    if (token->file.pages)
        flash_file_close(&token->file);
}
