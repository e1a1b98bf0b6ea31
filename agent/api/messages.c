/* The catalogue of problems: status, code, and what a person reads, in Chinese and English. */
#include "agent/api/messages.h"

static const struct {
    int status;
    const char *code;
    bool retryable;
    const char *title[2]; /* by enum http_language */
    const char *detail[2];
} catalogue[PROBLEM_COUNT] = {
    [PROBLEM_ORIGIN_REFUSED] =
        {403,
         "ORIGIN_REFUSED",
         false,
         {"网站来源被拒绝", "Origin refused"},
         {"此网站不能使用 UKey 助手。只有 https 网站（或本机的 http 页面）经您同意后才能使用。",
          "This site may not use the UKey agent. Only https sites (or http pages of this machine) "
          "may, once you have agreed."}},
    [PROBLEM_HOST_REFUSED] =
        {421,
         "HOST_REFUSED",
         false,
         {"主机名被拒绝", "Host refused"},
         {"请通过 https://localhost、https://127.0.0.1 或 https://[::1] 访问 UKey 助手。",
          "The UKey agent answers only to https://localhost, https://127.0.0.1 and "
          "https://[::1]."}},
    [PROBLEM_PEER_REFUSED] =
        {403,
         "PEER_REFUSED",
         false,
         {"连接方被拒绝", "Peer refused"},
         {"此连接不是由运行 UKey 助手的用户发起的。",
          "This connection does not come from the user who runs the UKey agent."}},
    [PROBLEM_PAIRING_REQUIRED] =
        {401,
         "PAIRING_REQUIRED",
         false,
         {"需要先授权", "Pairing required"},
         {"此网站还没有得到使用 UKey 的授权，请先完成授权。",
          "This site has not been allowed to use the UKey yet. Pair it first."}},
    [PROBLEM_SESSION_INVALID] =
        {401,
         "SESSION_INVALID",
         false,
         {"会话已失效", "Session invalid"},
         {"会话不存在、已过期，或不属于此网站，请重新连接。",
          "The session is unknown, has ended, or is not this site's. Connect again."}},
    [PROBLEM_UNSUPPORTED_MEDIA_TYPE] = {415,
                                        "UNSUPPORTED_MEDIA_TYPE",
                                        false,
                                        {"内容类型不支持", "Unsupported media type"},
                                        {"请求内容必须是 application/json。",
                                         "The request body must be application/json."}},
    [PROBLEM_BAD_REQUEST] = {400,
                             "BAD_REQUEST",
                             false,
                             {"请求有误", "Bad request"},
                             {"请求的内容无法识别。", "The request cannot be understood."}},
    [PROBLEM_NOT_FOUND] = {404,
                           "NOT_FOUND",
                           false,
                           {"未找到", "Not found"},
                           {"没有这个地址。", "There is nothing at this address."}},
    [PROBLEM_METHOD_NOT_ALLOWED] = {405,
                                    "METHOD_NOT_ALLOWED",
                                    false,
                                    {"方法不允许", "Method not allowed"},
                                    {"这个地址不接受该请求方法。",
                                     "This address does not take that method."}},
    [PROBLEM_BODY_TOO_LARGE] = {413,
                                "BODY_TOO_LARGE",
                                false,
                                {"请求内容过大", "Body too large"},
                                {"请求内容超过了上限。", "The request body exceeds the limit."}},
    [PROBLEM_RATE_LIMITED] = {429,
                              "RATE_LIMITED",
                              true,
                              {"请求过于频繁", "Too many requests"},
                              {"此网站的请求过于频繁，请稍后再试。",
                               "This site asks too often. Please try again in a while."}},
    [PROBLEM_ACTION_REFUSED] = {403,
                                "ACTION_REFUSED",
                                false,
                                {"策略不允许", "Not allowed by policy"},
                                {"本机的管理策略不允许此网站进行这项操作。",
                                 "The policy of this machine does not let this site do that."}},
    [PROBLEM_ACTION_PENDING] = {409,
                                "ACTION_PENDING",
                                true,
                                {"另一个操作正在进行", "Another action is pending"},
                                {"另一个窗口正在等待您确认，请先完成它。",
                                 "Another dialog is waiting for your answer. Complete it first."}},
    [PROBLEM_USER_CANCELLED] = {403,
                                "USER_CANCELLED",
                                true,
                                {"已取消", "Cancelled"},
                                {"您取消了此操作，UKey 没有任何变化。",
                                 "You cancelled the action. Nothing has changed on the UKey."}},
    [PROBLEM_PIN_REQUIRED] = {401,
                              "PIN_REQUIRED",
                              true,
                              {"需要验证 PIN", "PIN required"},
                              {"请先验证 UKey 的 PIN。", "Verify the UKey's PIN first."}},
    [PROBLEM_PIN_WRONG] = {403,
                           "PIN_WRONG",
                           true,
                           {"PIN 错误", "Wrong PIN"},
                           {"PIN 不正确，UKey 没有任何变化。",
                            "The PIN is not correct. Nothing has changed on the UKey."}},
    [PROBLEM_PIN_LAST_TRY] =
        {403,
         "PIN_LAST_TRY",
         false,
         {"PIN 只剩最后一次机会", "Only one PIN try left"},
         {"为避免 UKey 被锁定，网页不能使用最后一次 PIN 机会。请确认 PIN 后用 UKey "
          "工具验证，或联系证书服务机构。",
          "To keep the UKey from being blocked, the last PIN try is not available to web pages. "
          "Verify the PIN with a UKey tool once you are sure of it, or ask your certificate "
          "service."}},
    [PROBLEM_PIN_LOCKED] =
        {403,
         "PIN_LOCKED",
         false,
         {"UKey 已锁定", "The UKey is locked"},
         {"PIN 输错次数过多，UKey 已锁定。请办理 UKey 解锁业务。",
          "The PIN was entered wrongly too often and the UKey is locked. Apply for unlocking it."}},
    [PROBLEM_NO_TOKEN] = {404,
                          "NO_TOKEN",
                          true,
                          {"没有检测到 UKey", "No UKey found"},
                          {"请插入 UKey 后重试。", "Plug in your UKey and try again."}},
    [PROBLEM_SEVERAL_TOKENS] =
        {409,
         "SEVERAL_TOKENS",
         true,
         {"检测到多个 UKey", "Several UKeys found"},
         {"请只保留要办理业务的那一个 UKey，拔出其他 UKey 后重试。",
          "Leave only the UKey in question plugged in, remove the others and try again."}},
    [PROBLEM_TOKEN_REMOVED] =
        {409,
         "TOKEN_REMOVED",
         true,
         {"UKey 已拔出", "The UKey was removed"},
         {"操作过程中 UKey 被拔出，请重新插入同一个 UKey 后重试。",
          "The UKey was removed during the action. Plug the same UKey in again and retry."}},
    [PROBLEM_WRONG_TOKEN] =
        {409,
         "WRONG_TOKEN",
         true,
         {"不是对应的 UKey", "Not the right UKey"},
         {"插入的 UKey 与此业务不符，请换成办理此业务的 UKey。",
          "The UKey that is plugged in does not belong to this order. Plug in the one that does."}},
    [PROBLEM_CERTIFICATE_NOT_FOUND] = {404,
                                       "CERTIFICATE_NOT_FOUND",
                                       false,
                                       {"没有找到证书", "Certificate not found"},
                                       {"UKey 中没有这张证书。",
                                        "There is no such certificate on the UKey."}},
    [PROBLEM_CERTIFICATE_MISMATCH] =
        {409,
         "CERTIFICATE_MISMATCH",
         false,
         {"证书不匹配", "Certificate mismatch"},
         {"证书与 UKey 中的密钥或订单不匹配。",
          "The certificate does not match the key on the UKey, or the order."}},
    [PROBLEM_STATEMENT_REFUSED] =
        {400,
         "STATEMENT_REFUSED",
         false,
         {"待签内容被拒绝", "Statement refused"},
         {"网页提交的待签内容不符合要求，没有签名。",
          "What the page wanted to be signed is not acceptable. Nothing was signed."}},
    [PROBLEM_SERVICE_UNREACHABLE] =
        {502,
         "SERVICE_UNREACHABLE",
         true,
         {"无法连接业务服务", "Service unreachable"},
         {"无法连接到证书业务服务，请检查网络后重试。UKey 没有任何变化。",
          "The certificate service cannot be reached. Check the network and try again. Nothing has "
          "changed on the UKey."}},
    [PROBLEM_SERVICE_REFUSED] = {502,
                                 "SERVICE_REFUSED",
                                 false,
                                 {"业务服务拒绝了请求", "Refused by the service"},
                                 {"证书业务服务拒绝了此请求。",
                                  "The certificate service refused the request."}},
    [PROBLEM_SERVICE_UNKNOWN] = {404,
                                 "SERVICE_UNKNOWN",
                                 false,
                                 {"没有配置此业务服务", "Unknown service"},
                                 {"UKey 助手没有配置此业务服务。",
                                  "The UKey agent has no such service configured."}},
    [PROBLEM_PATH_REFUSED] = {403,
                              "PATH_REFUSED",
                              false,
                              {"路径被拒绝", "Path refused"},
                              {"不能向业务服务请求这个路径。",
                               "The service may not be asked for this path."}},
    [PROBLEM_REDIRECT_REFUSED] =
        {403,
         "REDIRECT_REFUSED",
         false,
         {"重定向被拒绝", "Redirect refused"},
         {"业务服务要求跳转到别处，UKey 助手不会跟随。",
          "The service pointed somewhere else. The UKey agent does not follow."}},
    [PROBLEM_TASK_REFUSED] = {502,
                              "TASK_REFUSED",
                              false,
                              {"制证任务被拒绝", "Task refused"},
                              {"业务服务发来的任务没有通过校验，UKey 没有任何变化。",
                               "The task that the service sent did not pass the checks. Nothing "
                               "has changed on the UKey."}},
    [PROBLEM_JOB_NOT_FOUND] = {404,
                               "JOB_NOT_FOUND",
                               false,
                               {"没有找到任务", "Job not found"},
                               {"没有此任务，或它不属于此网站。",
                                "There is no such job, or it is not this site's."}},
    [PROBLEM_DIALOG_UNAVAILABLE] =
        {500,
         "DIALOG_UNAVAILABLE",
         true,
         {"无法显示确认窗口", "The dialog cannot be shown"},
         {"UKey 助手无法显示确认窗口，请检查安装。",
          "The UKey agent cannot show its dialog. Check the installation."}},
    [PROBLEM_TOKEN_ERROR] = {500,
                             "TOKEN_ERROR",
                             true,
                             {"UKey 出错", "UKey error"},
                             {"UKey 没有完成此操作，请重新插拔后重试。",
                              "The UKey did not complete the action. Plug it in again and retry."}},
    [PROBLEM_INTERNAL] = {500,
                          "INTERNAL",
                          true,
                          {"内部错误", "Internal error"},
                          {"程序内部出错，请稍后重试。",
                           "Something went wrong inside. Please try again."}},
};

static struct http_problem make(enum agent_problem problem, enum http_language language,
                                const char *detail) {
    int text = language == HTTP_LANGUAGE_ZH ? 0 : 1;
    return (struct http_problem){.status = catalogue[problem].status,
                                 .code = catalogue[problem].code,
                                 .title = catalogue[problem].title[text],
                                 .detail =
                                     detail != NULL ? detail : catalogue[problem].detail[text],
                                 .retryable = catalogue[problem].retryable};
}

void agent_respond_problem(struct http_request *request, enum agent_problem problem,
                           const char *detail, json_t *extra) {
    struct http_problem document = make(problem, http_request_language(request), detail);
    http_respond_problem(request, &document, extra);
}

json_t *agent_problem_json(enum agent_problem problem, enum http_language language,
                           const char *detail, json_t *extra) {
    struct http_problem document = make(problem, language, detail);
    return http_problem_json(&document, extra);
}

const char *agent_problem_code(enum agent_problem problem) {
    return catalogue[problem].code;
}
