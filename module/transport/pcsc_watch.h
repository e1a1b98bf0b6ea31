/* Notices readers and cards that come and go, through SCardGetStatusChange. */
#ifndef OPENUKEY_TRANSPORT_PCSC_WATCH_H
#define OPENUKEY_TRANSPORT_PCSC_WATCH_H

#include "module/transport/transport.h"

/* As watch_open, watch_read, watch_close of struct transport_ops. One thread lives as long as the watch; without threads
 * the descriptor becomes readable twice a second. */
enum transport_error pcsc_watch_new(const char *pattern, const struct transport_ops *ops,
                                    bool may_use_threads, struct transport_watch **watch, int *fd);
void pcsc_watch_read(struct transport_watch *watch);
void pcsc_watch_free(struct transport_watch *watch);

#endif
