// The portal's start page: nothing but its language.
import { startLanguage, text } from '/renew-texts.mjs';

startLanguage((lang) => {
    document.title = text(lang, 'portal');
});
