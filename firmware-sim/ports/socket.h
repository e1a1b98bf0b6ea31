/* The unix socket port: the protocol of include/openukey/simlink.h. */
#ifndef FIRMWARE_PORTS_SOCKET_H
#define FIRMWARE_PORTS_SOCKET_H

#include "firmware-sim/ports/reader.h"

struct socket_conn;

struct socket_port {
    struct reader *reader;
    int fd;
    const char *path;
    struct socket_conn *conns;
    unsigned count;
    struct loop_timer reaper;
};

/* Serves at path, which must outlive the port. False with errno. */
bool socket_port_open(struct socket_port *port, struct reader *reader, const char *path);
void socket_port_close(struct socket_port *port);

#endif
