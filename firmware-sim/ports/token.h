/* One simulated key: its image, the card that lives on it, the reader it is in and the ports that lead there. */
#ifndef FIRMWARE_PORTS_TOKEN_H
#define FIRMWARE_PORTS_TOKEN_H

#include "firmware-sim/applets/gm/gm.h"
#include "firmware-sim/applets/piv/piv.h"
#include "firmware-sim/ports/clock.h"
#include "firmware-sim/ports/control.h"
#include "firmware-sim/ports/entropy.h"
#include "firmware-sim/ports/flash_file.h"
#include "firmware-sim/ports/flash_power.h"
#include "firmware-sim/ports/reader.h"
#include "firmware-sim/ports/socket.h"
#include "firmware-sim/ports/trace.h"
#include "firmware-sim/ports/usbredir.h"
#include "firmware-sim/ports/vpcd.h"

enum { TOKEN_VPCD_MAX = 8 };

/* Where a key can be reached; what is NULL is not opened. Strings must outlive the token. */
struct token_places {
    const char *socket, *control, *usbredir;
    const char *vpcd[TOKEN_VPCD_MAX];
    unsigned vpcd_count;
};

struct token {
    const char *image;
    struct card card;
    struct gm gm;
    struct piv piv;
    struct entropy entropy;
    struct trace trace;
    struct flash_file file;
    struct flash_power power;
    struct reader reader;
    struct socket_port socket;
    struct control_port control;
    struct usbredir_port usbredir;
    struct vpcd_port vpcd[TOKEN_VPCD_MAX];
    unsigned vpcd_count;
    bool has_socket, has_control, has_usbredir;
};

/* Opens the image and powers the card up. *token must be zeroed and must not move; entropy, the clock and the image's name
 * are the caller's. Returns 0 or, having complained, an exit status; token_close in any case. */
int token_open(struct token *token, struct loop *loop, const char *image,
               const struct entropy *entropy, const struct clock *clock);
/* Opens the ports. Returns 0 or, having complained, an exit status. */
int token_serve(struct token *token, const struct token_places *places);
void token_close(struct token *token);

#endif
