/* ukey-sim-usb: runs a program under umockdev with the key of ukey-sim --usbredir as a USB device: answers the ioctls of
 * its device node (linux/usbdevice_fs.h), which is what libusb speaks, with usbredir packets. */
#include "firmware-sim/usb/testbed.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/usbdevice_fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { EXIT_USAGE = 2, REAP_WAIT_MS = 5, SETUP = 8 };

/* A request of a client on its way or done. */
struct urb {
    uint64_t id;
    UMockdevIoctlClient *client;
    UMockdevIoctlData *urb, *buffer; /* buffer may be NULL */
    bool done;
};

/* A client that waits to be told of a finished request. */
struct reap {
    UMockdevIoctlClient *client;
    UMockdevIoctlData *data;
    guint timer;
};

static struct guest guest;
static GQueue urbs = G_QUEUE_INIT, reaps = G_QUEUE_INIT; /* of struct urb, struct reap */
static GMainLoop *loop;
static uint64_t last_id;
static UMockdevIoctlClient *claimer; /* who has the one interface */
static const UMockdevIoctlClient
    *given; /* who got the last finished request, until it asks for more */
static UMockdevTestbed *testbed;
static bool is_unplugged;
static GPid child;
static int child_status;

static struct usbdevfs_urb *fields(const struct urb *urb) {
    return (struct usbdevfs_urb *)(void *)urb->urb->data;
}

static void urb_free(struct urb *urb) {
    g_clear_pointer(&urb->urb, umockdev_ioctl_data_unref);
    if (urb->buffer)
        umockdev_ioctl_data_unref(urb->buffer);
    g_object_unref(urb->client);
    g_free(urb);
}

/* --- reaping --- */

/* Gives the client one of its finished requests. */
static bool reap_one(UMockdevIoctlClient *client, UMockdevIoctlData *data) {
    for (GList *at = urbs.head; at; at = at->next) {
        struct urb *urb = at->data;
        if (!urb->done || urb->client != client)
            continue;
        umockdev_ioctl_data_set_ptr(data, 0, urb->urb);
        umockdev_ioctl_client_complete(client, 0, 0);
        given = client;
        g_queue_delete_link(&urbs, at);
        urb_free(urb);
        return true;
    }
    return false;
}

static void reap_free(struct reap *reap) {
    if (reap->timer)
        g_source_remove(reap->timer);
    umockdev_ioctl_data_unref(reap->data);
    g_object_unref(reap->client);
    g_free(reap);
}

static void reap_waiting(void) {
    for (GList *at = reaps.head, *next; at; at = next) {
        struct reap *reap = at->data;
        next = at->next;
        if (!reap_one(reap->client, reap->data))
            continue;
        g_queue_delete_link(&reaps, at);
        reap_free(reap);
    }
}

static gboolean reap_late(gpointer ctx) {
    struct reap *reap = ctx;
    reap->timer = 0;
    g_queue_remove(&reaps, reap);
    umockdev_ioctl_client_complete(reap->client, -1, EAGAIN);
    reap_free(reap);
    return G_SOURCE_REMOVE;
}

static bool has_requests(UMockdevIoctlClient *client) {
    for (GList *at = urbs.head; at; at = at->next)
        if (((const struct urb *)at->data)->client == client)
            return true;
    return false;
}

/* libusb asks again and again; it is let wait a little, so that it does not spin. Not where it only makes sure that what it
 * has just been given was all: a transfer would take that much longer. */
static void on_reap(UMockdevIoctlClient *client, UMockdevIoctlData *data) {
    if (reap_one(client, data))
        return;
    if (client == given && !has_requests(client)) {
        given = NULL;
        umockdev_ioctl_client_complete(client, -1, EAGAIN);
        return;
    }
    struct reap *reap = g_new0(struct reap, 1);
    reap->client = g_object_ref(client);
    reap->data = umockdev_ioctl_data_ref(data);
    reap->timer = g_timeout_add(REAP_WAIT_MS, reap_late, reap);
    g_queue_push_tail(&reaps, reap);
}

/* --- requests --- */

static void finish(struct urb *urb, int status, size_t actual) {
    struct usbdevfs_urb changed = *fields(urb);
    changed.status = status;
    changed.actual_length = (int)actual;
    umockdev_ioctl_data_update(urb->urb, 0, (guint8 *)&changed, sizeof changed);
    urb->done = true;
    reap_waiting();
}

/* Requests of programs that have ended must not take what is meant for others. */
static void drop_orphans(void) {
    for (GList *at = urbs.head, *next; at; at = next) {
        struct urb *urb = at->data;
        next = at->next;
        if (umockdev_ioctl_client_get_connected(urb->client))
            continue;
        if (!urb->done)
            (void)guest_send(&guest, UR_CANCEL_DATA, urb->id);
        g_queue_delete_link(&urbs, at);
        urb_free(urb);
    }
}

static void on_submit(UMockdevIoctlClient *client, UMockdevIoctlData *data) {
    drop_orphans();
    const struct usbdevfs_urb *wanted = (const struct usbdevfs_urb *)(void *)data->data;
    size_t len = wanted->buffer_length < 0 ? 0 : (size_t)wanted->buffer_length;
    struct urb *urb = g_new0(struct urb, 1);
    urb->id = ++last_id;
    urb->client = g_object_ref(client);
    urb->urb = umockdev_ioctl_data_ref(data);
    if (len)
        urb->buffer = umockdev_ioctl_data_resolve(
            data, G_STRUCT_OFFSET(struct usbdevfs_urb, buffer), len, NULL);
    const uint8_t *bytes = urb->buffer ? urb->buffer->data : (const uint8_t *)"";
    bool sent = false;
    if (len && !urb->buffer) {
        umockdev_ioctl_client_complete(client, -1, EFAULT);
        urb_free(urb);
        return;
    }
    g_queue_push_tail(&urbs, urb);
    if (wanted->type == USBDEVFS_URB_TYPE_CONTROL && len >= SETUP)
        sent =
            guest_control(&guest, urb->id, bytes, bytes + SETUP, bytes[0] & 0x80 ? 0 : len - SETUP);
    else if (wanted->type == USBDEVFS_URB_TYPE_BULK)
        sent = guest_bulk(&guest, urb->id, wanted->endpoint, wanted->endpoint & 0x80 ? NULL : bytes,
                          len);
    umockdev_ioctl_client_complete(client, 0, 0);
    if (!sent)
        finish(urb, -EPROTO, 0);
}

static void on_discard(UMockdevIoctlClient *client, const UMockdevIoctlData *arg) {
    for (GList *at = urbs.head; at; at = at->next) {
        const struct urb *urb = at->data;
        if (urb->done || urb->client != client ||
            urb->urb->client_addr != *(const gulong *)(const void *)arg->data)
            continue;
        (void)guest_send(&guest, UR_CANCEL_DATA, urb->id);
        umockdev_ioctl_client_complete(client, 0, 0);
        return;
    }
    umockdev_ioctl_client_complete(client, -1, EINVAL);
}

static void on_packet(const struct guest_packet *packet) {
    static const int statuses[] = {
        [UR_SUCCESS] = 0, [UR_CANCELLED] = -ENOENT, [UR_INVALID] = -EPROTO, [UR_STALL] = -EPIPE};
    if (packet->type != UR_CONTROL && packet->type != UR_BULK)
        return;
    for (GList *at = urbs.head; at; at = at->next) {
        struct urb *urb = at->data;
        if (urb->done || urb->id != packet->id)
            continue;
        const struct usbdevfs_urb *wanted = fields(urb);
        bool control = packet->type == UR_CONTROL;
        size_t skip = control ? SETUP : 0, len = packet->data_len;
        size_t room = (size_t)wanted->buffer_length - skip;
        bool in = control ? urb->buffer->data[0] & 0x80 : wanted->endpoint & 0x80;
        if (len > room)
            len = room;
        if (in && len)
            umockdev_ioctl_data_update(urb->buffer, skip, packet->data, (gint)len);
        if (control && !in)
            len = room;
        int status = packet->status < sizeof statuses / sizeof statuses[0]
                         ? statuses[packet->status]
                         : -EPROTO;
        finish(urb, status, status ? 0 : len);
        return;
    }
}

/* A real device is claimed by one program at a time. */
static void on_claim(UMockdevIoctlClient *client, bool release) {
    bool is_free = !claimer || !umockdev_ioctl_client_get_connected(claimer) || claimer == client;
    if (!is_free) {
        umockdev_ioctl_client_complete(client, -1, release ? EINVAL : EBUSY);
        return;
    }
    g_clear_object(&claimer);
    if (!release)
        claimer = g_object_ref(client);
    umockdev_ioctl_client_complete(client, 0, 0);
}

static gboolean on_guest(gint fd, GIOCondition condition, gpointer ctx) {
    struct guest_packet packet;
    (void)fd;
    (void)condition;
    (void)ctx;
    bool open = guest_fill(&guest);
    while (guest_has_packet(&guest) && guest_next(&guest, &packet))
        on_packet(&packet);
    if (open)
        return G_SOURCE_CONTINUE;
    for (GList *at = urbs.head, *next; at; at = next) { /* the key is gone from the bus */
        next = at->next;
        if (!((struct urb *)at->data)->done)
            finish(at->data, -ENODEV, 0);
    }
    is_unplugged = true;
    testbed_remove_device(testbed);
    return G_SOURCE_REMOVE;
}

static gboolean on_ioctl(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer ctx) {
    (void)base;
    (void)ctx;
    gulong request = umockdev_ioctl_client_get_request(client);
    if (is_unplugged && request != USBDEVFS_REAPURB && request != USBDEVFS_REAPURBNDELAY) {
        umockdev_ioctl_client_complete(client, -1, ENODEV);
        return TRUE;
    }
    UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(client);
    UMockdevIoctlData *data = NULL;
    if (_IOC_SIZE(request)) {
        data = umockdev_ioctl_data_resolve(arg, 0, _IOC_SIZE(request), NULL);
        if (!data) {
            umockdev_ioctl_client_complete(client, -1, EFAULT);
            return TRUE;
        }
    }
    switch (request) {
    case USBDEVFS_GET_CAPABILITIES: {
        guint32 capabilities = USBDEVFS_CAP_ZERO_PACKET | USBDEVFS_CAP_BULK_CONTINUATION |
                               USBDEVFS_CAP_NO_PACKET_SIZE_LIM | USBDEVFS_CAP_BULK_SCATTER_GATHER;
        umockdev_ioctl_data_update(data, 0, (guint8 *)&capabilities, sizeof capabilities);
        umockdev_ioctl_client_complete(client, 0, 0);
        break;
    }
    case USBDEVFS_RESET:
    case USBDEVFS_CLEAR_HALT:
    case USBDEVFS_SETCONFIGURATION:
    case USBDEVFS_SETINTERFACE:
        if (request == USBDEVFS_RESET)
            (void)guest_send(&guest, UR_RESET, 0);
        umockdev_ioctl_client_complete(client, 0, 0);
        break;
    case USBDEVFS_CLAIMINTERFACE:
    case USBDEVFS_RELEASEINTERFACE:
        on_claim(client, request == USBDEVFS_RELEASEINTERFACE);
        break;
    case USBDEVFS_GETDRIVER: /* no kernel driver has the device */
        umockdev_ioctl_client_complete(client, -1, ENODATA);
        break;
    case USBDEVFS_SUBMITURB:
        on_submit(client, data);
        break;
    case USBDEVFS_DISCARDURB:
        on_discard(client, arg);
        break;
    case USBDEVFS_REAPURB:
    case USBDEVFS_REAPURBNDELAY:
        on_reap(client, data);
        break;
    default:
        umockdev_ioctl_client_complete(client, -1, ENOTTY);
    }
    if (data)
        umockdev_ioctl_data_unref(data);
    return TRUE;
}

/* --- the program --- */

static void on_child(GPid pid, gint status, gpointer ctx) {
    (void)ctx;
    g_spawn_close_pid(pid);
    child = 0;
    child_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    g_main_loop_quit(loop);
}

static gboolean on_signal(gpointer ctx) {
    if (child)
        kill(child, GPOINTER_TO_INT(ctx));
    return G_SOURCE_CONTINUE;
}

static void die_with_us(gpointer ctx) {
    (void)ctx;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* Only the program runs under umockdev's library, which must come before a sanitizer's. */
static bool start(char **command) {
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) environment = g_get_environ();
    const char *before = g_environ_getenv(environment, "LD_PRELOAD");
    g_autofree char *preload =
        g_strdup_printf("libumockdev-preload.so.0%s%s", before ? ":" : "", before ? before : "");
    environment = g_environ_setenv(g_steal_pointer(&environment), "LD_PRELOAD", preload, TRUE);
    /* before there is a program that may say it is ready: a signal must not end us uncleaned */
    static const int forwarded[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof forwarded / sizeof forwarded[0]; i++)
        g_unix_signal_add(forwarded[i], on_signal, GINT_TO_POINTER(forwarded[i]));
    if (!g_spawn_async(NULL, command, environment,
                       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH |
                           G_SPAWN_CHILD_INHERITS_STDIN,
                       die_with_us, NULL, &child, &error)) {
        fprintf(stderr, "ukey-sim-usb: %s\n", error->message);
        return false;
    }
    g_child_watch_add(child, on_child, NULL);
    return true;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("ukey-sim-usb " OPENUKEY_VERSION);
        return EXIT_SUCCESS;
    }
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (help || argc < 4 || strcmp(argv[2], "--") != 0) {
        fputs("usage: ukey-sim-usb SOCKET -- COMMAND [ARGUMENT...]\n"
              "Runs COMMAND with the key behind SOCKET (ukey-sim run --usbredir SOCKET) as a USB "
              "device.\n",
              help ? stdout : stderr);
        return help ? EXIT_SUCCESS : EXIT_USAGE;
    }
    g_autoptr(GError) error = NULL;
    if (!guest_open(&guest, argv[1]))
        return EXIT_FAILURE;
    testbed = umockdev_testbed_new();
    UMockdevIoctlBase *handler = umockdev_ioctl_base_new();
    g_signal_connect(handler, "handle-ioctl", G_CALLBACK(on_ioctl), NULL);
    loop = g_main_loop_new(NULL, FALSE);
    child_status = EXIT_FAILURE;
    if (testbed_add_device(testbed, &guest)) {
        if (!umockdev_testbed_attach_ioctl(testbed, TESTBED_NODE, handler, &error)) {
            fprintf(stderr, "ukey-sim-usb: %s\n", error->message);
        } else {
            g_unix_fd_add(guest.fd, G_IO_IN | G_IO_HUP, on_guest, NULL);
            if (start(argv + 3))
                g_main_loop_run(loop);
            umockdev_testbed_detach_ioctl(testbed, TESTBED_NODE, NULL);
        }
    }
    g_queue_clear_full(&urbs, (GDestroyNotify)urb_free);
    g_queue_clear_full(&reaps, (GDestroyNotify)reap_free);
    g_clear_object(&claimer);
    g_object_unref(handler);
    g_object_unref(testbed); /* removes its directory */
    g_main_loop_unref(loop);
    guest_close(&guest);
    return child_status;
}
