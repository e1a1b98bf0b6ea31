// Every business of every portal, from the first request to the last state, over HTTP: the five manuals' portals and our own. The table
// below is written from the manuals, independent of the program's; the words are those that the manual shows at that point.
//
// A gate is followed by what an order shows while it waits there: "a>b" one after the other, "~" before what may pass unseen (another
// program acts at once), "-" for a gate that is never waited at (nothing to pay, filled in together with the one before, or only asked
// for on request). Where the manual shows no state of an order, it is the name of its step; where it shows neither, our own catalogue's.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Life } from '../support/walk.mjs';
import { creditCode, startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const NEXT_DAY = '2026-03-02T10:00:00+08:00'; // the clock must not go back
const LATE = '2028-02-01T10:00:00+08:00'; // four weeks before what was made with two years ends

const MANUALS = {
    /* S0: the steps of the bar (53, 63), 资料待审核 (98), 资料审核通过 (126), 待收货 (107), 申请完成 (47), 已完成 (135) */
    hall: {
        'REPLACE ORG':
            'AGREE:基本信息 FORM:- MATERIALS:资料上传 INVOICE_INFO:开票信息 DELIVERY:- PAY:在线缴费 PAY_REVIEW:人工审核 REVIEW:资料待审核 ' +
            'PRODUCE:资料审核通过 SHIP:资料审核通过 RECEIVE:待收货 INVOICE:~申请完成 已完成',
    },
    /* S1: the bar (126), 等待材料 (841), 等待缴费 缴费完成 (884), 激活完成 (772), 待下载证书 正在执行证书下载 下载完成 (373, 748) */
    building: {
        'NEW *':
            'AGREE:在线申请 FORM:- DELIVERY:- MATERIALS:等待材料 VERIFY_HANDLER:身份识别 PAY:等待缴费 PAY_REVIEW:费用支付? PAPERS:缴费完成 ' +
            'REVIEW:材料审核 SHIP:激活完成 ISSUE:待下载证书>正在执行证书下载 INVOICE:~下载完成 已完成',
        'RENEW *': 'FORM:在线申请 MATERIALS:等待材料 PAY:等待缴费 PAY_REVIEW:费用支付? REVIEW:材料审核 KEY_LOGIN:Ukey登录 ISSUE:待下载证书>正在执行证书下载 已完成',
        'CHANGE *': 'FORM:在线申请 MATERIALS:等待材料 PAY:等待缴费 PAY_REVIEW:费用支付? REVIEW:材料审核 KEY_LOGIN:Ukey登录 ISSUE:待下载证书>正在执行证书下载 已完成',
        'FREEZE *': 'FORM:在线申请 CONFIRM:等待确认 APPLY_CA:~冻结 已完成',
        'UNFREEZE *': 'FORM:在线申请 CONFIRM:等待确认 APPLY_CA:~恢复 已完成',
        'REVOKE *': 'FORM:在线申请 CONFIRM:等待确认 APPLY_CA:~撤销 已完成',
        'KEY_RECOVERY *':
            'FORM:在线申请 MATERIALS:等待材料 PAY:等待缴费 PAY_REVIEW:费用支付? REVIEW:材料审核 KEY_LOGIN:Ukey登录 ISSUE:待下载证书>正在执行证书下载 已完成',
    },
    /* S2: five steps (9), 证书申请签名 (65), 材料审核 材料审核完成 (69), 接收证书产品 (75) */
    cecep: {
        'REPLACE ORG':
            'AGREE:选择核验方式 VERIFY_ORG:企业信息认证 VERIFY_HANDLER:经办人信息认证 FORM:确认商品购买信息 MATERIALS:资料上传 CONFIRM:证书申请签名 ' +
            'REVIEW:材料审核 PRODUCE:材料审核完成 SHIP:材料审核完成 RECEIVE:接收证书产品 已完成',
    },
    /* S3: the headings (59 to 128, 149 to 238) and buttons 立即续期 立即变更 立即解锁 */
    hainan: {
        'NEW *':
            'VERIFY_HANDLER:实名认证 FORM:印章申领 MATERIALS:提交资料 DELIVERY:填写邮寄信息 PAY:支付 REVIEW:订单审核 PRODUCE:印章制作 SHIP:快递邮寄 已完成',
        'RENEW *': 'FORM:印章续期 PAY:付款 KEY_LOGIN:插入对应␣ukey ISSUE:立即续期>正在执行证书下载 已完成',
        'CHANGE *': 'FORM:印章变更 MATERIALS:提交资料 PAY:付款 REVIEW:订单审核 KEY_LOGIN:插入对应␣ukey ISSUE:立即变更>正在执行证书下载 已完成',
        'REPLACE *': 'DELIVERY:填写收件信息 PAY:付款 PRODUCE:印章制作 SHIP:快递邮寄 已完成',
        'UNLOCK *': 'FORM:印章解锁 PAY:付款 ISSUE:立即解锁>正在执行证书下载 已完成',
        'REVOKE *': 'CONFIRM:短信验证码 APPLY_CA:~注销 已完成',
        'UNBIND *': 'CONFIRM:短信验证码 APPLY_CA:~解绑 已完成',
    },
    /* S4: the bar (104, 323), 证书申请签名确认 (185), 已支付,待审核 and 未发货 (1317), unlocking (593 to 652), change (1086 to 1155) */
    resource: {
        'NEW ORG':
            'FORM:信息录入 VERIFY_ORG:信息录入 VERIFY_HANDLER:信息录入 MATERIALS:上传资料 CONFIRM:证书申请签名确认 PAY:支付订单 REVIEW:已支付，待审核 ' +
            'PRODUCE:未发货 SHIP:未发货 INVOICE:~申请完成 已完成',
        'NEW PERSON':
            'FORM:信息录入 VERIFY_PERSON:信息录入 MATERIALS:上传资料 CONFIRM:证书申请签名确认 PAY:支付订单 REVIEW:已支付，待审核 ' +
            'PRODUCE:未发货 SHIP:未发货 INVOICE:~申请完成 已完成',
        'REPLACE ORG':
            'FORM:信息录入 VERIFY_ORG:信息录入 VERIFY_HANDLER:信息录入 MATERIALS:上传资料 CONFIRM:证书申请签名确认 PAY:支付订单 REVIEW:已支付，待审核 ' +
            'PRODUCE:未发货 SHIP:未发货 INVOICE:~申请完成 已完成',
        'REPLACE PERSON':
            'FORM:信息录入 VERIFY_PERSON:信息录入 MATERIALS:上传资料 CONFIRM:证书申请签名确认 PAY:支付订单 REVIEW:已支付，待审核 ' +
            'PRODUCE:未发货 SHIP:未发货 INVOICE:~申请完成 已完成',
        'RENEW *': 'KEY_LOGIN:登录 FORM:信息录入 PAY:支付订单 ISSUE:下载证书>正在执行证书下载 已完成',
        'CHANGE *': 'KEY_LOGIN:登录 FORM:信息录入 CONFIRM:短信校验 ISSUE:下载证书>正在执行证书下载 已完成',
        'UNLOCK ORG': 'FORM:提交信息 VERIFY_ORG:验证身份 CONFIRM:获取授权码 ISSUE:重置密码>正在执行证书下载 已完成',
        'UNLOCK PERSON': 'FORM:提交信息 VERIFY_PERSON:验证身份 CONFIRM:获取授权码 ISSUE:重置密码>正在执行证书下载 已完成',
    },
    /* our own */
    default: {
        'NEW ORG':
            'AGREE:待提交 FORM:- VERIFY_ORG:等待身份核验 VERIFY_HANDLER:等待身份核验 MATERIALS:等待材料 CONFIRM:等待确认 INVOICE_INFO:待提交 DELIVERY:- ' +
            'PAY:等待缴费 PAY_REVIEW:- REVIEW:已支付，待审核 SHIP:审核通过 ISSUE:待下载>正在执行证书下载 RECEIVE:待收货 INVOICE:- 已完成',
        'NEW PERSON':
            'AGREE:待提交 FORM:- VERIFY_PERSON:等待身份核验 MATERIALS:等待材料 CONFIRM:等待确认 INVOICE_INFO:待提交 DELIVERY:- ' +
            'PAY:等待缴费 PAY_REVIEW:- REVIEW:已支付，待审核 SHIP:审核通过 ISSUE:待下载>正在执行证书下载 RECEIVE:待收货 INVOICE:- 已完成',
        'RENEW *': 'KEY_LOGIN:等待␣UKey␣登录 FORM:待提交 CONFIRM:等待确认 PAY:等待缴费 PAY_REVIEW:- ISSUE:待下载>正在执行证书下载 INVOICE:- 已完成',
        'CHANGE *':
            'KEY_LOGIN:等待␣UKey␣登录 FORM:待提交 MATERIALS:等待材料 CONFIRM:等待确认 PAY:等待缴费 PAY_REVIEW:- REVIEW:已支付，待审核 ISSUE:待下载>正在执行证书下载 INVOICE:- 已完成',
        'REPLACE ORG':
            'AGREE:待提交 FORM:- VERIFY_ORG:等待身份核验 VERIFY_HANDLER:等待身份核验 MATERIALS:等待材料 CONFIRM:等待确认 INVOICE_INFO:待提交 DELIVERY:- ' +
            'PAY:等待缴费 PAY_REVIEW:- REVIEW:已支付，待审核 SHIP:审核通过 ISSUE:待下载>正在执行证书下载 RECEIVE:待收货 INVOICE:- 已完成',
        'REPLACE PERSON':
            'AGREE:待提交 FORM:- VERIFY_PERSON:等待身份核验 MATERIALS:等待材料 CONFIRM:等待确认 INVOICE_INFO:待提交 DELIVERY:- ' +
            'PAY:等待缴费 PAY_REVIEW:- REVIEW:已支付，待审核 SHIP:审核通过 ISSUE:待下载>正在执行证书下载 RECEIVE:待收货 INVOICE:- 已完成',
        'UNLOCK ORG': 'FORM:待提交 VERIFY_ORG:等待身份核验 CONFIRM:等待确认 PAY:- PAY_REVIEW:- ISSUE:待下载>正在执行证书下载 已完成',
        'UNLOCK PERSON': 'FORM:待提交 VERIFY_PERSON:等待身份核验 CONFIRM:等待确认 PAY:- PAY_REVIEW:- ISSUE:待下载>正在执行证书下载 已完成',
        'FREEZE *': 'CONFIRM:等待确认 APPLY_CA:~CA␣处理 已完成',
        'UNFREEZE *': 'CONFIRM:等待确认 APPLY_CA:~CA␣处理 已完成',
        'REVOKE *': 'CONFIRM:等待确认 APPLY_CA:~CA␣处理 已完成',
        'UNBIND *': 'CONFIRM:等待确认 APPLY_CA:~CA␣处理 已完成',
        'KEY_RECOVERY *':
            'KEY_LOGIN:等待␣UKey␣登录 FORM:待提交 MATERIALS:等待材料 CONFIRM:等待确认 PAY:等待缴费 PAY_REVIEW:- REVIEW:已支付，待审核 ISSUE:待下载>正在执行证书下载 已完成',
    },
};

/* What one certificate and key live through, in this order; the clock is turned before the renewal. */
const ORDER = ['NEW', 'FREEZE', 'UNFREEZE', 'UNLOCK', 'CHANGE', 'KEY_RECOVERY', 'REPLACE', 'RENEW', 'REVOKE', 'UNBIND'];

const rowOf = (portal, kind, type) => MANUALS[portal][`${kind} ${type}`] ?? MANUALS[portal][`${kind} *`];

/* {gates, words: [[word, may pass unseen]], last} */
function read(row) {
    const parts = row.split(' ');
    const last = parts.pop();
    const waits = parts.map((part) => part.replaceAll('␣', ' ').split(':'));
    const words = waits.filter(([, shown]) => shown !== '-').flatMap(([, shown]) => shown.split('>').map((word) => [word.replace(/^~|\?$/g, ''), /^~|\?$/.test(word)]));
    return { gates: waits.map(([gate]) => gate), words: [...words, [last, false]] };
}

/* The words in their order, each once in a row; those that may pass unseen may be missing. */
function assertShown(shown, words, what) {
    const wanted = words.filter(([word, unseen]) => !unseen || shown.includes(word)).map(([word]) => word);
    assert.deepEqual(shown, wanted.filter((word, i) => word !== wanted[i - 1]), what);
}

const TOUCHES_KEY = new Set(['NEW', 'RENEW', 'CHANGE', 'REPLACE', 'UNLOCK', 'KEY_RECOVERY']);

async function effect(life, kind) {
    const [{ state }] = await life.service.rows(`SELECT state FROM certificates WHERE sha256 = '${life.key.certificate}'`);
    assert.equal(state, { FREEZE: 'HELD', REVOKE: 'REVOKED', UNBIND: 'REVOKED' }[kind] ?? 'VALID', `the certificate after ${kind}`);
    if (TOUCHES_KEY.has(kind)) await life.tryKey(kind);
}

const SUBJECTS = {
    ORG: { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: creditCode(4711) },
    PERSON: { type: 'PERSON', name: '李四', credentialType: 'ID', credentialNo: '11010519491231002X' },
};
const MORE = {
    product: '单位证书', sealType: 'ORGANIZATION', invoicePhone: '13800138000', invoiceTaxNumber: creditCode(4711), phone: '13800138000', handlerEmail: 'lisi@example.cn',
};

async function startDesk(t, profile, clock = CLOCK) {
    const service = await startService(t, { clock, profile });
    const staff = {};
    for (const [role, name] of Object.entries({ reviewer: 'shen', second: 'zhou', finance: 'cai', operator: 'cao' })) {
        staff[role] = await service.staff(name, role === 'second' ? 'REVIEWER' : role.toUpperCase());
    }
    return { service, staff };
}

/* The same service another day, or as another portal. */
async function turn(service, staff, lives, changes) {
    await service.program.stop();
    Object.assign(service.changes, changes);
    await service.start();
    for (const [role, name] of Object.entries({ reviewer: 'shen', second: 'zhou', finance: 'cai', operator: 'cao' })) {
        await staff[role].logIn(name, 'correct horse battery');
    }
    for (const life of lives) await life.logIn(life.phone, 'geheim-1');
}

const walked = [];

async function walkPortal(t, portal) {
    // portals that only replace replace what another of ours has made (R049)
    const begins = MANUALS[portal]['NEW ORG'] ?? MANUALS[portal]['NEW *'] ? portal : 'default';
    const { service, staff } = await startDesk(t, begins);
    const lives = [];
    for (const [type, phone, pays, confirms] of [
        ['ORG', '13900139000', portal === 'building' || portal === 'hall' ? 'TRANSFER' : 'ALIPAY', 'SMS'],
        ['PERSON', '13900139001', portal === 'building' ? 'ALIPAY' : 'WECHAT', portal === 'building' ? 'ANSWER' : 'SMS'],
    ]) {
        const entries = { ...MORE, handlerPhone: type === 'ORG' ? '13800138000' : '13800138001' };
        const life = new Life(service, phone, staff, SUBJECTS[type], { pays, confirms, fixedPin: portal === 'hainan', entries });
        t.after(() => life.close());
        await life.register();
        lives.push(life);
    }
    if (begins !== portal) {
        await lives[0].walk('NEW');
        await effect(lives[0], 'NEW');
        await turn(service, staff, lives, { profile: portal, clock: NEXT_DAY });
    }
    const { body } = await service.ask('GET', '/v1/portal', undefined, { 'accept-language': 'zh-CN' });
    assert.equal(body.id, portal);
    const rows = body.flows.flatMap(({ kind, subjects }) => subjects.map((type) => `${kind} ${type}`));
    for (const kind of ORDER) {
        if (kind === 'RENEW' && body.flows.some((flow) => flow.kind === 'RENEW')) await turn(service, staff, lives, { clock: LATE });
        for (const life of lives) {
            const { type } = life.subject;
            const row = rowOf(portal, kind, type);
            if (!row) continue;
            await t.test(`${portal}: ${kind} for ${type}`, async () => {
                const { gates, words } = read(row);
                const order = await life.walk(kind);
                assert.deepEqual(order.gates.map(({ name }) => name), gates);
                assertShown(life.shown, words, `${portal} ${kind} ${type}`);
                await effect(life, kind);
                walked.push(`${portal} ${kind} ${type}`);
            });
        }
    }
    assert.match((await service.command('verify-events')).stdout, /chain is whole/);
    const missing = rows.filter((row) => !walked.includes(`${portal} ${row}`));
    assert.deepEqual(missing, [], 'every business that the portal offers was walked');
    return body.flows.length;
}

test('every business of every portal', { concurrency: 2 }, async (t) => {
    const only = Object.keys(MANUALS);
    const counts = await Promise.all(only.map((portal) => {
        let count;
        return t.test(portal, async (tt) => { count = await walkPortal(tt, portal); }).then(() => count);
    }));
    const flows = counts.reduce((a, b) => a + b, 0);
    t.diagnostic(`${flows} flows, walked ${walked.length} times`);
    assert.equal(flows, 37);
    assert.equal(walked.length, 60);
});
