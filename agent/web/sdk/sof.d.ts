// Types of sof.js: the functions of GM/T 0020 as globals. docs/sdk.md says what each does.
import type { AgentError, VERSION, connect, diagnose } from './openukey.js';

type Answer<T> = (answer: { retVal: T; ctx: unknown }) => void;
type More<T> = [callback?: Answer<T>, context?: unknown];

declare global {
    function SOF_GetVersion(...more: More<string>): Promise<string>;
    /** name||CertID&&&name||CertID */
    function SOF_GetUserList(...more: More<string>): Promise<string>;
    function SOF_ExportUserCert(certId: string, ...more: More<string>): Promise<string>;
    function SOF_ExportExChangeUserCert(certId: string, ...more: More<string>): Promise<string>;
    function SOF_GetCertInfo(certificate: string, type: number, ...more: More<string>): Promise<string>;
    function SOF_GetCertInfoByOid(certificate: string, oid: string, ...more: More<string>): Promise<string>;
    function SOF_GetDeviceInfo(key: string, type: number, ...more: More<string>): Promise<string>;
    function SOF_GetPinRetryCount(key: string, ...more: More<number>): Promise<number>;
    function SOF_ValidateCert(certificate: string, ...more: More<number>): Promise<number>;
    function SOF_Login(certId: string, pin: string, ...more: More<boolean>): Promise<boolean>;
    function SOF_Logout(...more: More<boolean>): Promise<boolean>;
    function SOF_ChangePassWd(certId: string, oldPin: string, newPin: string, ...more: More<boolean>): Promise<boolean>;
    function SOF_SignData(certId: string, data: string, ...more: More<string>): Promise<string>;
    function SOF_SignDataByP7(certId: string, data: string, ...more: More<string>): Promise<string>;
    function SOF_SignMessage(flag: number, certId: string, data: string, ...more: More<string>): Promise<string>;
    function SOF_VerifySignedData(certificate: string, data: string, signature: string, ...more: More<boolean>): Promise<boolean>;
    function SOF_VerifySignedDataByP7(signature: string, ...more: More<boolean>): Promise<boolean>;
    function SOF_VerifySignedMessage(signature: string, data: string, ...more: More<boolean>): Promise<boolean>;
    function SOF_EncryptData(certificate: string, data: string, ...more: More<string>): Promise<string>;
    function SOF_DecryptData(certId: string, envelope: string, ...more: More<string>): Promise<string>;
    function SOF_GenRandom(count: number, ...more: More<string>): Promise<string>;
    function SOF_GetLastError(...more: More<number>): Promise<number>;
    function SOF_GetLastErrMsg(...more: More<string>): Promise<string>;
    function SOF_GetErrorMsg(...more: More<string>): Promise<string>;
    function SetOnUsbKeyChangeCallBack(listener: () => void): Promise<boolean>;
    var OpenUKey: {
        AgentError: typeof AgentError;
        VERSION: typeof VERSION;
        connect: typeof connect;
        diagnose: typeof diagnose;
        sof: { readonly lastError: AgentError | Error | null };
    };
}
