/* SIGHUP: what may change while the agent runs. */
#ifndef AGENT_RELOAD_H
#define AGENT_RELOAD_H

#include "agent/api/api.h"

/* Read again: the policy, what persons decided about sites, and of the configuration `log`, `origins` and `clock`; everything else needs a
 * new start. What cannot be read leaves its part as it was, and the log says so. Sessions live on, but for those of sites that are now
 * refused, no longer paired, or revoked. *reloaded (NULL at first) keeps the newest configuration and is the caller's to free. */
void agent_reload(struct agent *agent, const char *config_path, struct agent_config **reloaded);

#endif
