// OpenUKey SDK: a web page's way to the person's USB key, through the agent on the same computer.
//
//     import { connect } from '/sdk/openukey.mjs';
//     const agent = await connect({ lang: 'zh-CN' });
//     const key = await agent.token();
//     await agent.verifyPin({ token: key.id });
//
// No dependencies; any browser, and node >= 18 with a `fetch` that trusts the agent's certificate. docs/sdk.md says more.
import { Agent } from './agent.mjs';
import { findAgent, settle } from './find.mjs';

/** Finds the agent, asks it to pair with this page (the person may be asked), and answers an Agent. */
export async function connect(options) {
    const settled = settle(options);
    const agent = new Agent(await findAgent(settled), settled);
    await agent.pair({ signal: settled.signal });
    return agent;
}

export { AgentError } from './errors.mjs';
export { VERSION } from './facts.mjs';
export { diagnose } from './find.mjs';
