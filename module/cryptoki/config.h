/* The module's settings: openukey.conf, overridden by the vendor interface's SetOption and by OPENUKEY_LOG.
 * The keys are described in docs/module.md. */
#ifndef OPENUKEY_CRYPTOKI_CONFIG_H
#define OPENUKEY_CRYPTOKI_CONFIG_H

#include "module/log.h"
#include "module/transport/transport.h"

enum { CONFIG_PATH_MAX = 480 };

/* How SM2 keys appear to programs: with the vendor key type, as EC keys on the SM2 curve, or not at all, their certificates
 * neither (Java's keystore gives up at the first certificate on a curve it does not know). AUTO: as VENDOR to a program that
 * asked for the interface "OpenUKey", HIDDEN from others, as each of the other two breaks programs that people use
 * (docs/module.md has the table). */
enum sm2_presentation { SM2_AUTO, SM2_VENDOR, SM2_EC, SM2_HIDDEN };

/* USB readers without pcscd. AUTO: while pcscd's socket is not there. */
enum usb_use { USB_AUTO, USB_ON, USB_OFF };

struct config {
    bool has_sockets;
    char socket_dir[CONFIG_PATH_MAX];
    bool has_pcsc;
    char pcsc_readers[TRANSPORT_READER_NAME]; /* shell pattern */
    enum usb_use usb;
    char usb_readers[TRANSPORT_READER_NAME];
    enum sm2_presentation sm2_objects;
    char cache_dir[CONFIG_PATH_MAX]; /* "": nothing is remembered on disk */
    char gm_layout[8];               /* "auto", or a layout's name */
    bool short_apdus;                /* apdu-length = short */
    enum log_level log;
    char log_file[CONFIG_PATH_MAX]; /* "": standard error */
    char spy[CONFIG_PATH_MAX];      /* "": off */
    bool pin_dialog;                /* C_Login without PIN asks the person */
    char pinentry[CONFIG_PATH_MAX];
};

/* The built-in settings. */
void config_defaults(struct config *config);

/* Sets one key from text. False: no such key, or a value that it does not take; nothing is changed then. */
bool config_set(struct config *config, const char *name, const char *value);

/* Reads `key = value` lines; '#' begins a comment. A line that makes no sense is logged with its number and skipped. */
void config_read(struct config *config, const char *path);

/* Defaults, then the configuration file ($OPENUKEY_CONF, else $XDG_CONFIG_HOME/openukey/openukey.conf, else
 * /etc/openukey/openukey.conf), then $OPENUKEY_LOG and $OPENUKEY_SPY. In a program with raised privileges the environment is not asked. */
void config_load(struct config *config);

#endif
