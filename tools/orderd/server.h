/* The running service: everything is opened here, in order, and closed in the other. */
#ifndef TOOLS_ORDERD_SERVER_H
#define TOOLS_ORDERD_SERVER_H

#include "tools/orderd/api/service.h"
#include "tools/orderd/config.h"
#include "tools/orderd/third/platform_sim.h"

/* What the commands of main work with. */
struct house {
    struct config config;
    struct service service;
    struct payment_sim sim;
    struct payment_provider provider;
    struct identity_provider identity;
    struct platform_sim platform_sim;
    struct platform platform;
    struct courier courier;
    char *ca_directory;
    char *blobs;
    char *inspector;
    char *service_name;
    char *own_ca; /* of the own TLS identity, NULL with a configured certificate */
};

/* Open the state folder, the store (migrated) and the CA. False: the log says why. End it with house_close, also after a failure. */
bool house_open(struct house *house);
void house_close(struct house *house);

/* Serve until `stop` returns (it blocks). Calls `ready` once the listeners are bound. The exit status. */
int house_serve(struct house *house, void (*ready)(const struct house *house), void (*stop)(void));

#endif
