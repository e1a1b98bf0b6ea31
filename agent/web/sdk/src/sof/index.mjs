// sof.js: for pages that were written for a closed assistant and change nothing but the address of their script.
import { connect } from '../index.mjs';
import { CONSTANTS } from './codes.mjs';
import { Notices } from './notices.mjs';
import { Sof } from './sof.mjs';

/* Puts SOF_*, SGD_* and OpenUKey where the page looks for them. The script's own attributes: data-lang; data-notices="off": the page
 * tells persons itself what is wrong (OpenUKey.sof.lastError, SOF_GetLastErrMsg). */
export function install(root, sdk) {
    const { lang, notices } = root.document?.currentScript?.dataset ?? {};
    const sof = new Sof({ connect, options: lang ? { lang } : {}, notices: new Notices(notices === 'off' ? null : root.document) });
    root.OpenUKey = { ...sdk, sof };
    Object.assign(root, CONSTANTS, sof.functions());
}
