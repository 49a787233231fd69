// The page of a running watch. All text goes in as text, never as markup.
const $ = (id) => document.getElementById(id);
const PAGE = 30;
let shownEvents = [];
let newestKey = '';
let zonesOf = null;

function make(tag, attributes = {}, ...children) {
  const svg = ['svg', 'path', 'line', 'polygon', 'polyline', 'ellipse'].includes(tag);
  const node = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

async function ask(path, options = {}) {
  const headers = options.body ? {'Content-Type': 'application/json'} : {};
  const answer = await fetch(path, {...options, headers});
  if (answer.status === 401) { location.replace('/login'); throw new Error('the token is wanted'); }
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error || answer.statusText);
  return told;
}

const when = (seconds) => {
  const date = new Date(seconds * 1000);
  const time = date.toLocaleTimeString([], {hour: '2-digit', minute: '2-digit', second: '2-digit'});
  return date.toDateString() === new Date().toDateString() ? time : `${date.toLocaleDateString()} ${time}`;
};
const lasting = (seconds) => (seconds == null ? 'going on' : seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`);
const sentence = (reason) => (reason ? reason[0].toUpperCase() + reason.slice(1) : 'Unusual');

// Cameras

function cameraCard(name, keeps) {
  const image = make('img', {alt: `Live picture of ${name}`, hidden: true});
  const chart = make('svg', {class: 'chart', viewBox: '0 0 600 54', preserveAspectRatio: 'none', role: 'img', 'aria-label': 'score of the last ten minutes against the threshold'});
  const card = make('article', {class: 'camera', 'data-camera': name},
    make('div', {class: 'picture'}, image, make('p', {})),
    make('div', {class: 'body'},
      make('div', {class: 'line'}, make('h3', {}, name), make('span', {class: 'state'})),
      chart, make('div', {class: 'facts'}),
      make('div', {}, make('button', {type: 'button', class: 'plain small', onclick: () => openZones(name)}, 'Zones'))));
  card.picture = {busy: false, url: null};
  return card;
}

async function refreshPicture(card, name) {
  if (card.picture.busy || document.hidden) return;
  card.picture.busy = true;
  try {
    const answer = await fetch(`/api/cameras/${name}/frame.jpg`);
    if (answer.ok) {
      const url = URL.createObjectURL(await answer.blob());
      const image = card.querySelector('img');
      await new Promise((done) => { image.onload = image.onerror = done; image.src = url; });
      image.hidden = false;
      if (card.picture.url) URL.revokeObjectURL(card.picture.url);
      card.picture.url = url;
    }
  } catch { /* told by the line at the top */ } finally { card.picture.busy = false; }
}

async function refreshChart(card, name) {
  if (document.hidden) return;
  const {points} = await ask(`/api/cameras/${name}/history`);
  const chart = card.querySelector('.chart');
  chart.toggleAttribute('hidden', !points.length);
  if (!points.length) return;
  const end = points.at(-1)[0];
  const begin = Math.min(points[0][0], end - 60);
  const limit = points.at(-1)[2];
  const top = Math.max(limit * 1.4, ...points.map((point) => Math.min(point[1], limit * 3)));
  const x = (wall) => (600 * (wall - begin)) / (end - begin);
  const y = (value) => 52 - (50 * Math.max(0, Math.min(value, top))) / top;
  let path = '';
  points.forEach(([wall, value], i) => {
    const jump = !i || wall - points[i - 1][0] > 5;
    path += `${jump ? 'M' : 'L'}${x(wall).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  chart.replaceChildren(
    make('line', {class: 'limit', x1: 0, x2: 600, y1: y(limit), y2: y(limit)}), make('path', {class: 'trace', d: path}));
}

function showCamera(card, camera) {
  const away = camera.state !== 'live';
  const alarms = Object.values(camera.open_events);
  card.classList.toggle('away', away);
  card.classList.toggle('alarm', alarms.length > 0);
  const state = card.querySelector('.state');
  state.className = `state ${camera.state}`;
  state.textContent = camera.trouble ? `${camera.state}, ${camera.trouble}` : camera.state;
  card.querySelector('.picture p').textContent = alarms.length ? sentence(alarms[0]) : away ? camera.reason : '';
  const facts = away ? [] : [`${camera.fps} frames/s`, `lag ${camera.lag_ms} ms`];
  if (camera.losses > 0) facts.push(camera.losses === 1 ? 'lost once' : `lost ${camera.losses} times`);
  if (camera.dropped) facts.push(`${camera.dropped} dropped`);
  if (camera.score != null && !away) facts.push(`score ${camera.score.toFixed(1)} of ${camera.threshold?.toFixed(1) ?? '–'}`);
  if (away && camera.last_frame_age_s != null) facts.push(`last picture ${lasting(camera.last_frame_age_s)} ago`);
  card.querySelector('.facts').replaceChildren(...facts.map((fact) => make('span', {}, fact)));
}

async function refreshCameras() {
  let told;
  try { told = await ask('/api/cameras'); } catch (error) {
    $('overall').textContent = `memwatch does not answer: ${error.message}`;
    $('overall').className = 'bad';
    return;
  }
  const place = $('cameras');
  const names = told.cameras.map((camera) => camera.camera);
  for (const card of [...place.children]) if (!names.includes(card.dataset.camera)) card.remove();
  for (const camera of told.cameras) {
    let card = [...place.children].find((one) => one.dataset.camera === camera.camera);
    if (!card) {
      card = cameraCard(camera.camera, told.keeps);
      place.append(card);
      $('only').append(make('option', {value: camera.camera}, camera.camera));
    }
    showCamera(card, camera);
    if (camera.last_frame_wall && (camera.state === 'live' || !card.picture.url)) refreshPicture(card, camera.camera);
  }
  const lost = told.cameras.filter((camera) => camera.state === 'lost' || camera.state === 'failed').length;
  const open = told.cameras.filter((camera) => Object.keys(camera.open_events).length).length;
  const live = told.cameras.filter((camera) => camera.state === 'live').length;
  $('overall').className = lost || open ? 'bad' : '';
  $('overall').textContent = [
    open ? `something unusual at ${open === 1 ? 'one camera' : `${open} cameras`}` : null,
    lost ? `${lost} of ${names.length} cameras lost` : `${live} of ${names.length} cameras live`,
  ].filter(Boolean).join(' · ');
  if (location.hash === '#zones' && names.length) {
    history.replaceState(null, '', '/');
    openZones(names[0]);
  }
  document.title = `${open ? '● ' : ''}memwatch`;
}

// Events

function eventLine(event) {
  const tags = [];
  if (event.open) tags.push(make('span', {class: 'tag open'}, 'going on'));
  if (event.label) tags.push(make('span', {class: `tag ${event.label}`}, event.label === 'normal' ? 'normal' : 'alarm'));
  if (event.suppressed_by) tags.push(make('span', {class: 'tag'}, 'not told'));
  const thumb = event.open ? make('span', {class: 'thumb'})
    : make('img', {class: 'thumb', alt: '', loading: 'lazy', src: `/api/events/${event.id}/best.jpg`});
  return make('li', {}, make('button', {type: 'button', onclick: () => openEvent(event.id)},
    thumb,
    make('span', {class: 'what'},
      make('b', {}, sentence(event.reason)),
      make('span', {class: 'quiet'}, `${event.camera} · ${when(event.start)} · ${lasting(event.seconds)}`),
      tags.length ? make('span', {}, ...tags) : null)));
}

async function refreshEvents(force = false) {
  if (document.hidden && !force) return;
  const camera = $('only').value;
  const most = Math.max(PAGE, shownEvents.length);
  let told;
  try { told = await ask(`/api/events?most=${most}${camera ? `&camera=${camera}` : ''}`); } catch (error) {
    $('none').hidden = false;
    $('none').textContent = error.message;
    return;
  }
  const key = JSON.stringify(told.events);
  if (key === newestKey && !force) return;
  newestKey = key;
  shownEvents = told.events;
  drawEvents(told.events.length === most);
}

function drawEvents(more) {
  $('events').replaceChildren(...shownEvents.map(eventLine));
  $('none').hidden = shownEvents.length > 0;
  $('none').textContent = 'Nothing unusual yet.';
  $('older').hidden = !more;
}

$('older').addEventListener('click', async () => {
  const camera = $('only').value;
  const until = shownEvents.at(-1).start;
  const told = await ask(`/api/events?most=${PAGE}&until=${until}${camera ? `&camera=${camera}` : ''}`);
  shownEvents = [...shownEvents, ...told.events];
  drawEvents(told.events.length === PAGE);
});
$('only').addEventListener('change', () => { shownEvents = []; refreshEvents(true); });

async function openEvent(id) {
  const event = await ask(`/api/events/${id}`);
  $('event').dataset.id = id;
  $('event-title').textContent = sentence(event.reason);
  const media = $('event-media');
  if (event.clip === 'ready' || event.clip === 'partial') {
    media.replaceChildren(make('video', {controls: true, autoplay: true, muted: true, playsinline: true, loop: true, poster: `/api/events/${id}/best.jpg`, src: `/api/events/${id}/clip.mp4`}));
  } else {
    const words = event.clip === 'recording' ? 'The clip is still being recorded.' : 'There is no clip of this event.';
    media.replaceChildren(make('p', {}, words));
    if (!event.open) media.prepend(make('img', {alt: 'best frame', src: `/api/events/${id}/best.jpg`, onerror: (e) => e.target.remove()}));
  }
  const record = event.record;
  const facts = {
    Camera: event.camera, When: when(event.start), Lasted: lasting(event.seconds),
    Score: `${event.score?.toFixed(1)}, threshold ${record.threshold.score?.toFixed(1)}`,
    Frames: `${record.frames.over} of ${record.frames.scored} over the threshold`,
  };
  if (record.zones?.length) facts.Zones = record.zones.join(', ');
  if (event.suppressed_by) facts['Not told because of'] = event.suppressed_by;
  if (event.end_reason && event.end_reason !== 'quiet') facts['Ended by'] = event.end_reason.replaceAll('_', ' ');
  $('event-facts').replaceChildren(...Object.entries(facts).flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
  showLabel(event.label);
  if (!$('event').open) $('event').showModal();
}

function showLabel(label) {
  $('was-normal').hidden = label === 'normal';
  $('was-anomaly').hidden = label === 'anomaly';
  $('undo').hidden = !label;
  $('event-said').textContent = label === 'normal' ? 'This camera now asks for more at these places.' : label === 'anomaly' ? 'Kept as worth an alarm.' : '';
}

async function label(value) {
  try {
    const event = await ask(`/api/events/${$('event').dataset.id}/label`, {method: 'POST', body: JSON.stringify({label: value})});
    showLabel(event.label);
    refreshEvents(true);
  } catch (error) { $('event-said').textContent = error.message; }
}
$('was-normal').addEventListener('click', () => label('normal'));
$('was-anomaly').addEventListener('click', () => label('anomaly'));
$('undo').addEventListener('click', () => label(null));

// Zones

const KINDS = {include: 'watch only here', ignore: 'do not watch', privacy: 'black out'};

async function openZones(camera) {
  const {zones} = await ask(`/api/cameras/${camera}/zones`);
  zonesOf = {camera, zones: zones.map((zone) => ({...zone})), drawing: [], held: null};
  $('zones-title').textContent = `Zones of ${camera}`;
  $('zones-said').textContent = '';
  $('zones-picture').src = `/api/cameras/${camera}/frame.jpg?boxes=0&at=${Date.now()}`;
  drawZones();
  $('zones').showModal();
}

function drawZones() {
  const points = (list) => list.map(([x, y]) => `${x * 1000},${y * 1000}`).join(' ');
  const box = $('zones-picture').getBoundingClientRect();
  const rx = box.width ? 7000 / box.width : 9;
  const ry = box.height ? 7000 / box.height : 14;
  const shapes = [];
  zonesOf.zones.forEach((zone, z) => {
    shapes.push(make('polygon', {class: zone.kind, points: points(zone.points)}));
    zone.points.forEach(([x, y], p) => shapes.push(make('ellipse', {cx: x * 1000, cy: y * 1000, rx, ry, 'data-zone': z, 'data-point': p})));
  });
  if (zonesOf.drawing.length) {
    shapes.push(make('polyline', {points: points(zonesOf.drawing)}));
    zonesOf.drawing.forEach(([x, y], p) => shapes.push(make('ellipse', {cx: x * 1000, cy: y * 1000, rx, ry, 'data-zone': -1, 'data-point': p})));
  }
  $('zones-draw').replaceChildren(...shapes);
  $('zones-list').replaceChildren(...zonesOf.zones.map((zone, z) => make('li', {},
    make('input', {value: zone.name, 'aria-label': 'name', maxlength: 32, oninput: (e) => { zone.name = e.target.value; }}),
    make('select', {'aria-label': 'kind', onchange: (e) => { zone.kind = e.target.value; drawZones(); }},
      ...Object.entries(KINDS).map(([kind, words]) => make('option', {value: kind, selected: kind === zone.kind}, words))),
    make('button', {type: 'button', class: 'plain small', onclick: () => { zonesOf.zones.splice(z, 1); drawZones(); }}, 'Remove'))));
}

const at = (event) => {
  const box = $('zones-draw').getBoundingClientRect();
  const inside = (value) => Math.round(Math.max(0, Math.min(1, value)) * 1e4) / 1e4;
  return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
};
$('zones-draw').addEventListener('pointerdown', (event) => {
  const {zone, point} = event.target.dataset;
  if (zone === '-1' && point === '0' && zonesOf.drawing.length > 2) {
    const taken = zonesOf.zones.map((one) => one.name);
    let number = zonesOf.zones.length + 1;
    while (taken.includes(`zone-${number}`)) number += 1;
    zonesOf.zones.push({name: `zone-${number}`, kind: 'include', points: zonesOf.drawing});
    zonesOf.drawing = [];
  } else if (zone != null && zone !== '-1') {
    zonesOf.held = [Number(zone), Number(point)];
    $('zones-draw').setPointerCapture(event.pointerId);
  } else zonesOf.drawing.push(at(event));
  drawZones();
});
$('zones-draw').addEventListener('pointermove', (event) => {
  if (!zonesOf?.held) return;
  const [zone, point] = zonesOf.held;
  zonesOf.zones[zone].points[point] = at(event);
  drawZones();
});
$('zones-draw').addEventListener('pointerup', () => { if (zonesOf) zonesOf.held = null; });
$('zones-picture').addEventListener('load', () => { if (zonesOf) drawZones(); });
$('zones-picture').addEventListener('error', () => setTimeout(() => {  // no picture yet
  if ($('zones').open) $('zones-picture').src = `/api/cameras/${zonesOf.camera}/frame.jpg?boxes=0&at=${Date.now()}`;
}, 700));
$('zones-drop').addEventListener('click', () => { zonesOf.drawing = []; drawZones(); });
$('zones-save').addEventListener('click', async () => {
  try {
    await ask(`/api/cameras/${zonesOf.camera}/zones`, {method: 'PUT', body: JSON.stringify({zones: zonesOf.zones})});
    $('zones-said').textContent = 'Saved, and in effect.';
  } catch (error) { $('zones-said').textContent = error.message; }
});

for (const button of document.querySelectorAll('[data-close]')) button.addEventListener('click', () => button.closest('dialog').close());
$('event').addEventListener('close', () => $('event-media').replaceChildren());

async function forever(work, every) {
  for (;;) {
    try { await work(); } catch { /* told by the line at the top */ }
    await new Promise((done) => setTimeout(done, every));
  }
}
forever(refreshCameras, 500);
forever(refreshEvents, 2000);
forever(async () => {
  for (const card of $('cameras').children) await refreshChart(card, card.dataset.camera);
}, 2000);
