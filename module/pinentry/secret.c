/* Pages for secrets. A refused mlock() (RLIMIT_MEMLOCK) is no reason not to serve the person. */
#include "module/pinentry/secret.h"

#include <openssl/crypto.h>
#include <sys/mman.h>

void *secret_alloc(size_t size) {
    void *secret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (secret == MAP_FAILED)
        return NULL;
    (void)mlock(secret, size);
    (void)madvise(secret, size, MADV_DONTDUMP);
    (void)madvise(secret, size, MADV_DONTFORK);
    return secret;
}

void secret_free(void *secret, size_t size) {
    if (!secret)
        return;
    OPENSSL_cleanse(secret, size);
    munmap(secret, size);
}
