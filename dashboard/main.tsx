/** Starts the page: the live swarm as the source, one tree of components. */
import { render } from 'preact';
import { LiveSource } from './live/live-source.ts';
import './style/theme.css';
import './style/layout.css';
import './style/controls.css';
import './style/decision.css';
import './style/propose.css';
import './style/nodes.css';
import './style/tables.css';
import './style/rail.css';
import './style/help.css';
import { App } from './view/app.tsx';
import { start } from './view/state.ts';
import { applyStoredTheme } from './view/theme.ts';

applyStoredTheme();
start(new LiveSource());
const root = document.getElementById('app');
if (root) render(<App />, root);
