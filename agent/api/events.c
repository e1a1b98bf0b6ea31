/* The listeners and what is told to them. Sending only queues, so that a slow page holds nobody up. */
#include "agent/api/events.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/api.h"
#include "agent/clock.h"
#include "agent/http/json.h"

#define SESSION_WITHIN_SECONDS 5
#define MAX_LISTENERS          64

struct listener {
    struct http_websocket *socket; /* NULL: free place */
    char origin[ORIGIN_TEXT_SIZE];
    uint64_t session_id; /* 0 until it has shown one */
    int64_t opened;
};

struct events {
    struct agent *agent;
    pthread_mutex_t mutex;
    struct listener listeners[MAX_LISTENERS];
};

struct events *events_new(struct agent *agent) {
    struct events *events = calloc(1, sizeof(*events));
    if (events != NULL) {
        events->agent = agent;
        pthread_mutex_init(&events->mutex, NULL);
    }
    return events;
}

void events_free(struct events *events) {
    if (events == NULL) {
        return;
    }
    for (size_t i = 0; i < MAX_LISTENERS; i++) {
        http_websocket_release(events->listeners[i].socket);
    }
    pthread_mutex_destroy(&events->mutex);
    free(events);
}

/* With the lock held; NULL if it is not there. `socket` NULL finds a free place. */
static struct listener *find(struct events *events, const struct http_websocket *socket) {
    for (size_t i = 0; i < MAX_LISTENERS; i++) {
        if (events->listeners[i].socket == socket) {
            return &events->listeners[i];
        }
    }
    return NULL;
}

/* ---- telling ---- */

static void tell(struct events *events, uint64_t session_id, const char *origin, json_t *message) {
    char *text = message != NULL ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    if (text == NULL) {
        return;
    }
    size_t len = strlen(text);
    pthread_mutex_lock(&events->mutex);
    for (size_t i = 0; i < MAX_LISTENERS; i++) {
        const struct listener *listener = &events->listeners[i];
        if (listener->socket != NULL && listener->session_id != 0 &&
            (session_id == 0 || listener->session_id == session_id) &&
            (origin == NULL || strcmp(listener->origin, origin) == 0)) {
            http_websocket_send(listener->socket, text, len);
        }
    }
    pthread_mutex_unlock(&events->mutex);
    free(text);
}

void event_publish(struct events *events, json_t *message) {
    tell(events, 0, NULL, message);
}

void event_publish_session(struct events *events, uint64_t session_id, json_t *message) {
    tell(events, session_id, NULL, message);
}

void event_publish_origin(struct events *events, const char *origin, json_t *message) {
    tell(events, 0, origin, message);
}

void events_session_ended(struct events *events, uint64_t session_id) {
    tell(events, session_id, NULL, json_pack("{s:s, s:s}", "type", "session", "state", "ended"));
    pthread_mutex_lock(&events->mutex);
    for (size_t i = 0; i < MAX_LISTENERS; i++) {
        if (events->listeners[i].socket != NULL && events->listeners[i].session_id == session_id) {
            http_websocket_close(events->listeners[i].socket);
        }
    }
    pthread_mutex_unlock(&events->mutex);
}

void events_close_origin(struct events *events, const char *origin) {
    pthread_mutex_lock(&events->mutex);
    for (size_t i = 0; i < MAX_LISTENERS; i++) {
        const struct listener *listener = &events->listeners[i];
        if (listener->socket != NULL && strcmp(listener->origin, origin) == 0) {
            http_websocket_close(listener->socket);
        }
    }
    pthread_mutex_unlock(&events->mutex);
}

void events_expire(struct events *events) {
    int64_t now = clock_lasting();
    pthread_mutex_lock(&events->mutex);
    for (size_t i = 0; i < MAX_LISTENERS; i++) {
        const struct listener *listener = &events->listeners[i];
        if (listener->socket != NULL && listener->session_id == 0 &&
            now - listener->opened >= SESSION_WITHIN_SECONDS) {
            http_websocket_close(listener->socket);
        }
    }
    pthread_mutex_unlock(&events->mutex);
}

/* ---- listening ---- */

static bool accept_listener(struct http_request *request) {
    struct events *events = agent_of(request)->events;
    pthread_mutex_lock(&events->mutex);
    bool free_place = find(events, NULL) != NULL;
    pthread_mutex_unlock(&events->mutex);
    if (!free_place) {
        agent_respond_problem(request, PROBLEM_RATE_LIMITED, NULL, NULL);
        return false;
    }
    /* the hooks need the origin only; the string goes with the request, which lasts as long as the socket */
    const char *origin = agent_origin(request);
    size_t size = strlen(origin) + 1;
    char *copy = http_request_alloc(request, size);
    if (copy == NULL) {
        agent_respond_problem(request, PROBLEM_INTERNAL, NULL, NULL);
        return false;
    }
    memcpy(copy, origin, size);
    http_request_set_data(request, copy);
    return true;
}

static void opened(struct http_websocket *socket, void *context) {
    struct events *events = ((struct agent *)context)->events;
    pthread_mutex_lock(&events->mutex);
    struct listener *place = find(events, NULL);
    if (place != NULL) {
        place->socket = http_websocket_keep(socket);
        const char *origin = http_websocket_data(socket);
        memcpy(place->origin, origin, strlen(origin) + 1);
        place->session_id = 0;
        place->opened = clock_lasting();
    }
    pthread_mutex_unlock(&events->mutex);
    if (place == NULL) {
        http_websocket_close(socket);
    }
}

/* The first message is {"session": TOKEN}; nothing else is ever expected from a listener. */
static bool message(struct http_websocket *socket, const char *text, size_t len, void *context) {
    struct agent *agent = context;
    struct access_session session;
    static const char *const names[] = {"session", NULL};
    json_t *root = json_parse_strict(text, len, NULL, 0);
    const char *token = json_member_string(root, "session", ACCESS_TOKEN_TEXT_SIZE);
    bool good = token != NULL && json_members_are(root, names, NULL) &&
                access_session_find(agent->access, token, http_websocket_data(socket), &session);
    json_decref(root);
    if (!good) {
        return false;
    }
    bool first = false;
    pthread_mutex_lock(&agent->events->mutex);
    struct listener *listener = find(agent->events, socket);
    if (listener != NULL && listener->session_id == 0) {
        listener->session_id = session.id;
        first = true;
    }
    pthread_mutex_unlock(&agent->events->mutex);
    static const char hello[] = "{\"type\":\"hello\"}";
    return first && http_websocket_send(socket, hello, sizeof(hello) - 1) &&
           access_session_is_alive(agent->access, session.id);
}

static void closed(struct http_websocket *socket, void *context) {
    struct events *events = ((struct agent *)context)->events;
    pthread_mutex_lock(&events->mutex);
    struct listener *listener = find(events, socket);
    if (listener != NULL) {
        *listener = (struct listener){0};
    }
    pthread_mutex_unlock(&events->mutex);
    if (listener != NULL) {
        http_websocket_release(socket);
    }
}

const struct http_websocket_route events_websocket_route[] = {
    {"/v1/events", accept_listener, opened, message, closed, .max_message = 1024},
    {0},
};
