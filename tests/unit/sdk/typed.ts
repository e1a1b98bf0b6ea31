// What the types must refuse: each line below a mark is a mistake of a page's author.
/// <reference path="../../../agent/web/sdk/sof.d.ts" />
import { connect, type Agent } from 'openukey';

export async function mistakes(agent: Agent): Promise<void> {
    // @ts-expect-error a statement or a document is missing
    await agent.sign({ certificate: 'c', nonce: 'n' });
    // @ts-expect-error no such event
    agent.on('tokens', () => {});
    // @ts-expect-error pins are numbers of tries, not texts
    const tries: string = (await agent.token()).pin.triesLeft;
    // @ts-expect-error no such kind of job
    await agent.jobs.renews({ order: tries, authorization: 't' });
    // @ts-expect-error a signal is an AbortSignal
    await connect({ signal: new AbortController() });
    // @ts-expect-error no such option
    await connect({ timeout: 5 });
    // @ts-expect-error the PIN stands in front of the callback
    await SOF_Login('id', (answer) => answer.retVal);
    const isIn: boolean = await SOF_Login('id', '', ({ retVal, ctx }) => retVal && ctx);
    // @ts-expect-error signatures are texts
    const signed: number = isIn ? await SOF_SignDataByP7('id', 'data') : 0;
    void signed;
}
