// What the consent program is asked to show, as the agent writes it.

const certificate = {
    subject: 'CN=江苏示例建设有限公司, O=江苏示例建设有限公司, organizationIdentifier=91320000MA1EXAMPLE, C=CN',
    issuer: 'CN=示例证书认证中心 SM2 CA, O=示例证书认证中心, C=CN',
    notAfter: '2027-03-01', daysLeft: 99, usage: 'sign',
};
const signing = { lang: 'zh-CN', origin: 'https://ggzy.example.gov.cn', certificate, token: { label: '投标 UKey', serial: '3201000000012345' }, agree: '同意并签名', refuse: '拒绝' };
const field = (label, value) => ({ label, value });

export const BIDI = '付款给 \u202EXYZ\u202C 公司';

export const statement = (count = 4) => ({
    ...signing, kind: 'statement', title: '投标文件递交确认', message: '签名后，网站将得到您对以下内容的电子签名。',
    fields: [
        field('项目名称', '苏州市工业园区道路改造工程（二期）施工招标'), field('标段编号', 'E3205000001001234001'),
        field('投标报价', '人民币 12,345,678.90 元'), field('工期', '365 日历天'),
        ...Array.from({ length: Math.max(0, count - 4) }, (_, i) => field(`分项 ${i + 5}`, `综合单价 ${(i + 5) * 37}.00 元`)),
    ].slice(0, count),
});
export const strange = () => ({
    ...statement(2), title: '核对\u200B收款人',
    fields: [field('收款人', BIDI), field('账号\u2066', '6222\u00070000 1234'), field('备注', '这里本来就写着 \\u{202E}，不是控制字符')],
});
export const documents = (count = 50) => ({
    ...signing, kind: count > 1 ? 'batch' : 'document', title: count > 1 ? `签署 ${count} 份文件` : '签署文件',
    message: '以下文件将用您的 UKey 签名。请核对名称和摘要。',
    fields: Array.from({ length: count }, (_, i) => {
        const no = count > 1 ? `${i + 1}/${count} ` : '';
        return [field(`${no}文件名`, `投标文件-第${i + 1}册.pdf`), field(`${no}大小`, `${(i + 1) * 123456} 字节`),
            field(`${no}SM3 摘要`, (i + 1).toString(16).padStart(64, '9f3c'))];
    }).flat(),
});
export const pairing = () => ({
    kind: 'pairing', lang: 'zh-CN', origin: 'https://ggzy.example.gov.cn', title: '允许此网站使用您的 UKey 吗？',
    message: '允许后，网站可以看到您的证书，并请求签名；每次签名仍需您确认。', agree: '允许', refuse: '拒绝', choices: ['once', 'always', 'never'],
});
export const raw = () => ({
    ...signing, kind: 'raw', title: '对一个摘要签名', message: '网站没有说明签名的内容。您无法看到自己签的是什么：除非完全信任此网站，请拒绝。',
    fields: [field('摘要算法', 'SM3'), field('摘要', '9f3c'.repeat(16))],
});
