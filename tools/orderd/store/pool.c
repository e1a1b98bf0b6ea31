/* A small stack of idle connections under one lock. */
#include "tools/orderd/store/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { POOL_IDLE_MAX = 8 };

struct db_pool {
    pthread_mutex_t lock;
    char *path;
    struct db *idle[POOL_IDLE_MAX];
    size_t count;
};

struct db_pool *db_pool_new(const char *path) {
    struct db_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) {
        return NULL;
    }
    pool->path = strdup(path);
    if (pool->path == NULL || pthread_mutex_init(&pool->lock, NULL) != 0) {
        free(pool->path);
        free(pool);
        return NULL;
    }
    return pool;
}

void db_pool_free(struct db_pool *pool) {
    if (pool == NULL) {
        return;
    }
    for (size_t i = 0; i < pool->count; i++) {
        db_close(pool->idle[i]);
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool->path);
    free(pool);
}

struct db *db_pool_take(struct db_pool *pool) {
    struct db *db = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->count > 0) {
        db = pool->idle[--pool->count];
    }
    pthread_mutex_unlock(&pool->lock);
    if (db == NULL && db_open(pool->path, &db) != DB_OK) {
        return NULL;
    }
    return db;
}

void db_pool_give(struct db_pool *pool, struct db *db) {
    if (db == NULL) {
        return;
    }
    db_rollback(db);
    pthread_mutex_lock(&pool->lock);
    if (pool->count < POOL_IDLE_MAX) {
        pool->idle[pool->count++] = db;
        db = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    db_close(db);
}
