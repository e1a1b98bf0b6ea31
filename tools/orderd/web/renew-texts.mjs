// Every text of the portal's pages, in both languages. {name} is replaced by a value.

export const TEXTS = {
    'zh-CN': {
        skip: '跳到正文',
        portal: '数字证书与电子印章服务',
        foot: '签发过程中请只插一个 UKey，并且不要拔掉。',
        'home.title': '在线业务',
        'home.lead': '插入 UKey，在任何浏览器中办理。不需要安装浏览器插件。',
        'home.renew': '证书剩余有效期不足 90 天，或过期不超过 365 天时办理。新证书和印章直接写入 UKey，密码不变。',
        'home.go': '开始办理',
        'home.back': '返回首页',
        'home.need': '办理前请准备',
        'home.need.key': '要更新的 UKey（只插一个）及其密码',
        'home.need.agent': '本机已运行 OpenUKey 助手（ukey-agent）',
        'home.need.pay': '支付宝或微信',
        'home.ca': '证书链与吊销列表',
        'home.ca.root': '根证书',
        'home.ca.issuing': '签发证书',
        'home.ca.crl': '证书吊销列表',
        'renew.title': '证书更新',

        'steps.label': '办理进度',
        'step.key': '插入 UKey',
        'step.login': '密码登录',
        'step.form': '填写信息',
        'step.confirm': '确认签名',
        'step.pay': '付款',
        'step.write': '写入 UKey',
        'step.done': '完成',
        'step.finished': '（已完成）',

        'busy.connect': '正在连接 UKey 助手；如果它弹出窗口，请选择是否允许本网站使用 UKey。',
        'busy.read': '正在读取 UKey……',
        'busy.pin': '请在 UKey 助手的窗口中输入 UKey 密码。',
        'busy.login': '请在 UKey 助手的窗口中确认登录。',
        'busy.eligibility': '正在查询是否可以更新……',
        'busy.order': '正在提交……',
        'busy.sign': '请在 UKey 助手的窗口中核对内容，同意后签名。',
        'busy.confirm': '服务正在核验签名……',
        'busy.pay': '正在创建支付……',
        'busy.job': '正在写入 UKey……',
        'say.paid': '付款成功。',
        'say.removed': 'UKey 已拔出。',
        'say.resumed': '发现未完成的订单 {no}，已从上次的步骤继续。',
        'say.cancelled': '订单 {no} 已取消。',

        'key.title': '您的 UKey',
        'key.certificates': '证书',
        'key.seals': '电子印章',
        'key.hint': '点击下面的按钮后，UKey 助手会弹出自己的窗口，请在其中输入 UKey 密码。本网页不会得到您的密码。',
        'key.login': '验证密码并登录',
        'key.label': '名称',
        'key.serial': '序列号',
        'key.maker': '厂商',
        'key.pin': '密码状态',
        'key.noSeal': 'UKey 中没有电子印章。',
        'key.noCertificate': 'UKey 中没有证书。',
        'pin.ok': '正常',
        'pin.low': '曾经输错，请小心输入',
        'pin.last': '只剩最后一次机会',
        'pin.locked': '已锁定',
        'pin.unset': '未设置',
        'certificate.usage': '用途',
        'certificate.subject': '名称',
        'certificate.notAfter': '有效期至',
        'certificate.daysLeft': '剩余',
        'usage.sign': '签名',
        'usage.encrypt': '加密',
        'usage.both': '签名和加密',
        'certificate.current': '当前',
        days: '{days} 天',
        'days.past': '已过期 {days} 天',
        'seal.type': '类型',
        'seal.size': '尺寸',
        'seal.valid': '有效期',
        'seal.state': '验证',
        'seal.organization': '单位印章',
        'seal.personal': '个人印章',
        'seal.picture': '印章图片：{name}',
        'verification.valid': '有效',
        'verification.invalid': '无效',
        'verification.expired': '已过期',
        'verification.not-yet-valid': '尚未生效',
        'verification.untrusted': '制章者不受信任',

        'refused.title': '现在不能更新',
        'refused.daysLeft': '证书剩余',
        'refused.earliest': '最早可办理日期',
        'refused.latest': '最晚可办理日期',

        'form.title': '填写更新信息',
        'form.lead': '{subject}：现有证书有效期至 {date}（{days}），可以更新。',
        'form.years': '更新年限',
        'form.term': '{years} 年',
        'form.until': '新证书有效期至 {date}',
        'form.handlerName': '经办人姓名',
        'form.handlerPhone': '经办人手机',
        'form.handlerEmail': '经办人邮箱',
        'form.required': '带 * 的为必填项。',
        'form.next': '下一步',
        'wrong.handlerName': '请填写经办人姓名。',
        'wrong.handlerPhone': '请填写 11 位手机号码。',
        'wrong.handlerEmail': '请填写正确的邮箱，例如 name@example.cn。',
        'wrong.years': '请选择更新年限。',

        'confirm.title': '确认订单并签名',
        'confirm.lead': '请核对以下内容。点击“确认并签名”后，UKey 助手会再次显示全部内容，您同意后用 UKey 签名。',
        'confirm.sign': '确认并签名',
        'confirm.edit': '返回修改',
        'order.cancel': '取消本次办理',
        'order.cancel.sure': '确定取消订单 {no} 吗？',

        'pay.title': '付款',
        'pay.amount': '应付金额',
        'pay.channel': '支付方式',
        'pay.ALIPAY': '支付宝',
        'pay.WECHAT': '微信支付',
        'pay.go': '去付款',
        'pay.open': '打开支付页面',
        'pay.waiting': '等待付款结果，付款成功后自动进入下一步。',

        'write.title': '写入 UKey',
        'write.warning': '正在写入，请不要拔掉 UKey，也不要关闭本页面。',
        'job.read-key': '读取 UKey',
        'job.match': '核对订单与 UKey',
        'job.claim': '领取签发任务',
        'job.generate': '在 UKey 内生成新的签名密钥',
        'job.request': '生成证书请求',
        'job.send': '发送给证书机构签发',
        'job.check': '检查新证书',
        'job.unwrap': '在 UKey 内导入加密密钥',
        'job.write-certificates': '写入新证书',
        'job.write-seal': '写入电子印章',
        'job.read-back': '回读检查',
        'job.prove': '用新密钥签名验证',
        'job.confirm': '向证书机构确认',
        'job.retire': '停用旧的签名密钥',
        'state.pending': '等待',
        'state.running': '进行中',
        'state.done': '完成',

        'done.title': '证书更新成功',
        'done.lead': '新证书和电子印章已经写入 UKey，密码不变。现在可以拔下 UKey。',
        'result.order': '订单号',
        'result.subject': '证书名称',
        'result.token': 'UKey 序列号',
        'result.before': '原有效期至',
        'result.after': '新有效期至',
        'result.certificate': '新签名证书序列号',
        'result.encrypt': '新加密证书序列号',
        'result.seal': '电子印章有效期至',
        'result.pin': 'UKey 密码',
        'result.pin.same': '不变',

        'problem.code': '错误代码',
        'problem.retry': '重试',
        'problem.continue': '继续',
        'next.NOT_RUNNING': '启动 UKey 助手后点“重试”。',
        'next.UNTRUSTED_TLS': '安装信任后重新打开浏览器。',
        'next.LNA_DENIED': '修改网站设置后刷新页面。',
        'next.ORIGIN_REFUSED': '请联系管理员，在 UKey 助手的设置中允许本网站。',
        'next.USER_CANCELLED': '您没有同意。需要时点“重试”。',
        'next.ACTION_PENDING': 'UKey 助手正在等待另一个窗口的操作，完成后点“重试”。',
        'next.PIN_WRONG': '请核对密码后点“重试”。还可以试 {tries} 次。',
        'next.PIN_LAST_TRY': '为避免锁定，UKey 助手不会使用最后一次机会。请先找回密码或办理证书解锁。',
        'next.PIN_LOCKED': '请办理证书解锁。',
        'next.NO_TOKEN': '插入 UKey，页面会自动继续。',
        'next.SEVERAL_TOKENS': '只保留要更新的一个 UKey，页面会自动继续。',
        'next.TOKEN_REMOVED': '请插回同一个 UKey，然后点“继续”。原证书仍然可用。',
        'next.WRONG_TOKEN': '本订单属于另一个 UKey。请换上该 UKey，然后点“继续”。UKey 中没有任何改动。',
        'next.CERTIFICATE_MISMATCH': '请换上订单对应的 UKey，然后点“继续”。',
        'next.SERVICE_UNREACHABLE': '订单已保存。请稍后点“重试”，会从中断的步骤继续。',
        'next.SESSION_EXPIRED': '登录已过期，请重新登录。',
        'next.JOB_INTERRUPTED': '请插入同一个 UKey，然后点“继续”；会从中断的步骤继续。',
        'next.default': '请稍后重试。若仍不能解决，请把错误代码告诉客服。',
        'next.saved': '未完成的订单会保留，重新登录后从上次的步骤继续。',
    },

    en: {
        skip: 'Skip to the content',
        portal: 'Certificates and electronic seals',
        foot: 'Keep exactly one UKey plugged in, and do not unplug it while certificates are issued.',
        'home.title': 'Online services',
        'home.lead': 'Plug in your UKey and use any browser. No browser extension is needed.',
        'home.renew': 'For certificates with fewer than 90 days left, or expired for at most 365 days. The new certificates and the seal are written to your UKey; its PIN stays the same.',
        'home.go': 'Start',
        'home.back': 'Back to the start page',
        'home.need': 'What you need',
        'home.need.key': 'The UKey to be renewed (only this one plugged in) and its PIN',
        'home.need.agent': 'The OpenUKey assistant (ukey-agent) running on this computer',
        'home.need.pay': 'Alipay or WeChat Pay',
        'home.ca': 'Certificate chain and revocation list',
        'home.ca.root': 'Root certificate',
        'home.ca.issuing': 'Issuing certificate',
        'home.ca.crl': 'Certificate revocation list',
        'renew.title': 'Certificate renewal',

        'steps.label': 'Progress',
        'step.key': 'Plug in',
        'step.login': 'Log in',
        'step.form': 'Details',
        'step.confirm': 'Confirm',
        'step.pay': 'Pay',
        'step.write': 'Write',
        'step.done': 'Done',
        'step.finished': ' (done)',

        'busy.connect': 'Connecting to the UKey assistant. If it opens a window, choose whether this site may use your UKey.',
        'busy.read': 'Reading the UKey…',
        'busy.pin': 'Type your PIN in the window of the UKey assistant.',
        'busy.login': 'Confirm the login in the window of the UKey assistant.',
        'busy.eligibility': 'Asking whether the certificate can be renewed…',
        'busy.order': 'Submitting…',
        'busy.sign': 'Check the content in the window of the UKey assistant, and agree to sign it.',
        'busy.confirm': 'The service is checking the signature…',
        'busy.pay': 'Preparing the payment…',
        'busy.job': 'Writing to the UKey…',
        'say.paid': 'The payment has arrived.',
        'say.removed': 'The UKey was unplugged.',
        'say.resumed': 'Found the unfinished order {no}; continuing where it stopped.',
        'say.cancelled': 'Order {no} is cancelled.',

        'key.title': 'Your UKey',
        'key.certificates': 'Certificates',
        'key.seals': 'Electronic seal',
        'key.hint': 'The UKey assistant will open its own window for the PIN. This page never sees your PIN.',
        'key.login': 'Verify PIN and log in',
        'key.label': 'Name',
        'key.serial': 'Serial number',
        'key.maker': 'Maker',
        'key.pin': 'PIN',
        'key.noSeal': 'There is no seal on this UKey.',
        'key.noCertificate': 'There is no certificate on this UKey.',
        'pin.ok': 'fine',
        'pin.low': 'was mistyped before, take care',
        'pin.last': 'only one try left',
        'pin.locked': 'locked',
        'pin.unset': 'not set',
        'certificate.usage': 'Use',
        'certificate.subject': 'Name',
        'certificate.notAfter': 'Valid until',
        'certificate.daysLeft': 'Left',
        'usage.sign': 'signing',
        'usage.encrypt': 'encryption',
        'usage.both': 'signing and encryption',
        'certificate.current': 'current',
        days: '{days} days',
        'days.past': 'expired {days} days ago',
        'seal.type': 'Type',
        'seal.size': 'Size',
        'seal.valid': 'Validity',
        'seal.state': 'Check',
        'seal.organization': "organisation's seal",
        'seal.personal': 'personal seal',
        'seal.picture': 'Picture of the seal: {name}',
        'verification.valid': 'valid',
        'verification.invalid': 'invalid',
        'verification.expired': 'expired',
        'verification.not-yet-valid': 'not valid yet',
        'verification.untrusted': 'seal maker not trusted',

        'refused.title': 'Renewal is not possible now',
        'refused.daysLeft': 'Days left',
        'refused.earliest': 'Earliest date',
        'refused.latest': 'Latest date',

        'form.title': 'Details of the renewal',
        'form.lead': '{subject}: the present certificate is valid until {date} ({days}) and can be renewed.',
        'form.years': 'Renew for',
        'form.term': '{years} year(s)',
        'form.until': 'new certificate valid until {date}',
        'form.handlerName': "Handler's name",
        'form.handlerPhone': "Handler's mobile phone",
        'form.handlerEmail': "Handler's e-mail",
        'form.required': '* required',
        'form.next': 'Next',
        'wrong.handlerName': "Enter the handler's name.",
        'wrong.handlerPhone': 'Enter a mobile number of 11 digits.',
        'wrong.handlerEmail': 'Enter an e-mail address, such as name@example.cn.',
        'wrong.years': 'Choose the number of years.',

        'confirm.title': 'Confirm and sign',
        'confirm.lead': 'Check the following. After "Confirm and sign" the UKey assistant shows all of it again; if you agree, it is signed with your UKey.',
        'confirm.sign': 'Confirm and sign',
        'confirm.edit': 'Back to edit',
        'order.cancel': 'Cancel this order',
        'order.cancel.sure': 'Cancel order {no}?',

        'pay.title': 'Payment',
        'pay.amount': 'Amount',
        'pay.channel': 'Pay with',
        'pay.ALIPAY': 'Alipay',
        'pay.WECHAT': 'WeChat Pay',
        'pay.go': 'Pay',
        'pay.open': 'Open the payment page',
        'pay.waiting': 'Waiting for the payment. The next step starts by itself.',

        'write.title': 'Writing to the UKey',
        'write.warning': 'Writing: do not unplug the UKey and do not close this page.',
        'job.read-key': 'Read the UKey',
        'job.match': 'Compare the order with the UKey',
        'job.claim': 'Fetch the task',
        'job.generate': 'Generate a new signing key inside the UKey',
        'job.request': 'Make the certificate request',
        'job.send': 'Send it to the certification authority',
        'job.check': 'Check the new certificates',
        'job.unwrap': 'Import the encryption key inside the UKey',
        'job.write-certificates': 'Write the new certificates',
        'job.write-seal': 'Write the seal',
        'job.read-back': 'Read back and compare',
        'job.prove': 'Sign with the new key',
        'job.confirm': 'Confirm to the certification authority',
        'job.retire': 'Retire the old signing key',
        'state.pending': 'waiting',
        'state.running': 'running',
        'state.done': 'done',

        'done.title': 'The certificate is renewed',
        'done.lead': 'The new certificates and the seal are on your UKey; the PIN stays the same. You may unplug the UKey now.',
        'result.order': 'Order',
        'result.subject': 'Certificate of',
        'result.token': 'UKey serial number',
        'result.before': 'Was valid until',
        'result.after': 'Now valid until',
        'result.certificate': 'New signing certificate, serial number',
        'result.encrypt': 'New encryption certificate, serial number',
        'result.seal': 'Seal valid until',
        'result.pin': 'PIN',
        'result.pin.same': 'unchanged',

        'problem.code': 'Error code',
        'problem.retry': 'Try again',
        'problem.continue': 'Continue',
        'next.NOT_RUNNING': 'Start the UKey assistant, then "Try again".',
        'next.UNTRUSTED_TLS': 'Install the trust, then restart the browser.',
        'next.LNA_DENIED': 'Change the site settings, then reload this page.',
        'next.ORIGIN_REFUSED': "Ask your administrator to allow this site in the assistant's settings.",
        'next.USER_CANCELLED': 'You did not agree. "Try again" if you want to.',
        'next.ACTION_PENDING': 'The UKey assistant waits for another window; finish there, then "Try again".',
        'next.PIN_WRONG': 'Check the PIN, then "Try again". Tries left: {tries}.',
        'next.PIN_LAST_TRY': 'The UKey assistant does not use the last try, so that the UKey is not locked. Have the PIN recovered or the UKey unlocked.',
        'next.PIN_LOCKED': 'Have the UKey unlocked.',
        'next.NO_TOKEN': 'Plug in the UKey; the page goes on by itself.',
        'next.SEVERAL_TOKENS': 'Leave only the UKey to be renewed; the page goes on by itself.',
        'next.TOKEN_REMOVED': 'Plug the same UKey in again, then "Continue". The old certificate still works.',
        'next.WRONG_TOKEN': 'This order belongs to another UKey. Plug that one in, then "Continue". Nothing was changed on this UKey.',
        'next.CERTIFICATE_MISMATCH': 'Plug in the UKey of this order, then "Continue".',
        'next.SERVICE_UNREACHABLE': 'Your order is kept. "Try again" later; it continues where it stopped.',
        'next.SESSION_EXPIRED': 'The login has expired: log in again.',
        'next.JOB_INTERRUPTED': 'Plug the same UKey in again, then "Continue"; it goes on where it stopped.',
        'next.default': 'Try again later. If it does not help, tell the support this error code.',
        'next.saved': 'An unfinished order is kept; log in again and it continues where it stopped.',
    },
};

const KEPT = 'openukey-portal-lang';

export function chooseLanguage() {
    const asked = new URLSearchParams(location.search).get('lang');
    let kept = null;
    try {
        kept = localStorage.getItem(KEPT);
    } catch {
        // storage may be off
    }
    const lang = asked ?? kept ?? navigator.language ?? 'zh-CN';
    return /^zh/i.test(lang) ? 'zh-CN' : 'en';
}

export function keepLanguage(lang) {
    try {
        localStorage.setItem(KEPT, lang);
    } catch {
        // storage may be off
    }
}

export function text(lang, key, values = {}) {
    const found = TEXTS[lang][key] ?? key;
    return found.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export const hasText = (lang, key) => key in TEXTS[lang];

// Puts the language's texts into everything that names one, and marks the language in use.
export function translatePage(lang) {
    document.documentElement.lang = lang;
    for (const node of document.querySelectorAll('[data-text]')) node.textContent = text(lang, node.dataset.text);
    for (const node of document.querySelectorAll('[data-label]')) {
        node.setAttribute('aria-label', text(lang, node.dataset.label));
    }
    for (const button of document.querySelectorAll('button[data-lang]')) {
        button.setAttribute('aria-pressed', String(button.dataset.lang === lang));
    }
}

// Shows the page in the chosen language and lets the person change it.
export function startLanguage(onChange = () => {}) {
    const set = (lang) => {
        translatePage(lang);
        onChange(lang);
    };
    for (const button of document.querySelectorAll('button[data-lang]')) {
        button.addEventListener('click', () => {
            keepLanguage(button.dataset.lang);
            set(button.dataset.lang);
        });
    }
    set(chooseLanguage());
}
