/* The table of layout profiles. */
#include "firmware-sim/applets/gm/layout.h"

// clang-format off
const struct gm_layout gm_layouts[GM_LAYOUTS] = {
    {.name = 'A',
     .dev_auth_sm4 = 2, .app_name_field = 32, .file_name_field = 32},
    {.name = 'B', .big_endian = true, .pin_bare = true, .challenge_framed = true, .mac_without_itself = true,
     .envelope_key_first = true, .iv_length_first = true, .session_id_first = true, .cipher_in_fields = true,
     .ext_sign_bits = true, .ins_5c_private = true,
     .dev_auth_sm4 = 0, .app_name_field = 48, .file_name_field = 40},
};
// clang-format on

int gm_layout_find(const char *name) {
    for (int i = 0; i < GM_LAYOUTS; i++)
        if (name[0] == gm_layouts[i].name && name[1] == '\0')
            return i;
    return -1;
}
