/* Notices readers and cards that come and go, through SCardGetStatusChange.
 *
 * libpcsclite keeps the readers' states in one unguarded array for the whole process. So at most one thread of ours looks
 * at them: while there is a watch, its thread does, and listing takes what that thread has seen. */
#ifndef OPENUKEY_TRANSPORT_PCSC_WATCH_H
#define OPENUKEY_TRANSPORT_PCSC_WATCH_H

#include "module/transport/transport.h"

/* What all watches of a transport share: the thread, and the readers as it sees them. */
struct pcsc_monitor;

struct pcsc_monitor *pcsc_monitor_new(const char *pattern);
void pcsc_monitor_free(struct pcsc_monitor *monitor);

/* Appends the readers to `list`: from the thread if it runs, else from pcscd. */
enum transport_error pcsc_monitor_list(struct pcsc_monitor *monitor, struct reader_list *list);

/* As watch_open, watch_read, watch_close of struct transport_ops. The thread lives from the first watch to the last;
 * without threads the descriptor becomes readable twice a second. */
enum transport_error pcsc_watch_new(struct pcsc_monitor *monitor, const struct transport_ops *ops,
                                    bool may_use_threads, struct transport_watch **watch, int *fd);
void pcsc_watch_read(struct transport_watch *watch);
void pcsc_watch_free(struct transport_watch *watch);

#endif
