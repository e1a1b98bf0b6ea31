/* A non-blocking stream socket with its buffers. */
#ifndef FIRMWARE_PORTS_STREAM_H
#define FIRMWARE_PORTS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream {
    int fd;
    uint8_t *in, *out; /* one allocation, owned */
    size_t in_len, in_max, out_len, out_max;
    bool
        quick_ack; /* TCP: acknowledge every segment at once (the peer sends small ones under Nagle) */
};

/* Takes fd over (also on failure, when it is closed) and makes it non-blocking. */
bool stream_open(struct stream *s, int fd, size_t in_max, size_t out_max);
void stream_close(struct stream *s);

/* Reads what is there. False at the end of the stream or on an error. */
bool stream_fill(struct stream *s);
/* Forgets the first len bytes of in. */
void stream_drop(struct stream *s, size_t len);

/* Sends, keeping what the peer does not take yet. False if the peer is gone or more than out_max behind. */
bool stream_send(struct stream *s, const void *data, size_t len);
/* Sends more of what was kept. */
bool stream_flush(struct stream *s);

#endif
