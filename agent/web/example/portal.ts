// A portal's page in TypeScript: waits for the key, logs in to the service, renews the certificate.
import { AgentError, connect, diagnose, type Agent, type Certificate, type Identity } from 'openukey';

async function current(agent: Agent): Promise<Certificate> {
    const certificates = await agent.certificates();
    const found = certificates.find((one) => one.current && one.usage !== 'encrypt');
    if (!found) throw new Error('no certificate');
    return found;
}

export async function renew(order: string, say: (text: string) => void): Promise<string> {
    try {
        const agent = await connect({ lang: 'zh-CN', signal: AbortSignal.timeout(120_000), onWaiting: (problem) => say(problem.detail) });
        agent.on('token', ({ action, token }) => say(`${token.label} ${action}`));
        agent.on('service', ({ service, state }) => say(`${service} ${state}`));
        const [identity]: Identity[] = await agent.identities();
        say(identity?.name ?? '');
        await agent.verifyPin();
        const service = agent.service();
        const session = await service.login({ certificate: (await current(agent)).id });
        const job = await agent.jobs.renew({ order, authorization: service.authorization });
        job.on('progress', ({ progress, step }) => say(`${session.tokenSerial}: ${step} ${progress} %`));
        const { result } = await job.finished();
        return result?.notAfter ?? '';
    } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        if (error.code === 'NOT_RUNNING') say((await diagnose()).detail);
        else say(`${error.title}: ${error.detail}`);
        return '';
    }
}
