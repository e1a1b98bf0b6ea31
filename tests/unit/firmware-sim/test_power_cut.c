/* Power cuts in layout profile A. */
#include "tests/unit/firmware-sim/gm_power_cuts.h"

int main(void) {
    return gm_power_cuts('A');
}
