/** Starts a real Chromium, which must not use the network beyond loopback by itself. */
import { type Browser, chromium } from 'playwright-core';
import { findBrowser, installCommand, thisMachine } from './find.mjs';

const launchTimeoutMs = 30_000;

/** Flags that keep the browser off the network and off a GPU, which a machine may lack. */
const quiet = [
	'--disable-gpu',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
];

/** Chromium makes the list under its address bar a page of its own in each window, which costs as much as a page of ours. */
const addressBarPages = ['WebUIOmniboxPopup', 'WebUIOmniboxAimPopup'];

/** Playwright leaves these out. They are named again, because a browser heeds only the last flag of a name. */
const leftOutByPlaywright = [
	'AimEnabled',
	'AvoidCorsURLLoaderRestartOnRedirect',
	'AvoidUnnecessaryBeforeUnloadCheckSync',
	'DestroyProfileOnBrowserClose',
	'HttpsFirstBalancedModeAutoEnable',
	'HttpsUpgrades',
	'LensOverlay',
	'MediaRouter',
	'NetworkTimeServiceQuerying',
	'OptimizationHints',
	'PaintHolding',
	'PreconnectToSearch',
	'TcpPortRandomizationWin',
	'ThirdPartyStoragePartitioning',
];

/**
 * @param flags more of them
 * @throws {Error} with the one command that installs a browser, where there is none
 */
export async function launch(flags: readonly string[] = []): Promise<Browser> {
	const machine = thisMachine();
	const executablePath = await findBrowser(machine);
	if (executablePath === undefined) throw new Error(`no browser found; run: ${installCommand}`);
	return chromium.launch({
		executablePath,
		args: [...quiet, `--disable-features=${[...addressBarPages, ...leftOutByPlaywright].join(',')}`, ...flags],
		chromiumSandbox: !machine.isRoot, // Chromium refuses to run as root without --no-sandbox.
		timeout: launchTimeoutMs,
	});
}
