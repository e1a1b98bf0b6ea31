/* The cards that the module knows. */
#include "module/token/driver.h"

#include <stddef.h>

const struct token_driver *const token_drivers[] = {&gm_driver, NULL};
