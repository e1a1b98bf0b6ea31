/* Memory for secrets: pages of their own, locked and kept out of core dumps and children where the system allows it. */
#ifndef OPENUKEY_PINENTRY_SECRET_H
#define OPENUKEY_PINENTRY_SECRET_H

#include <stddef.h>

/* `size` zeroed bytes, or NULL. */
void *secret_alloc(size_t size);
/* Cleanse and free what secret_alloc() gave for the same `size`; NULL is harmless. */
void secret_free(void *secret, size_t size);

#endif
