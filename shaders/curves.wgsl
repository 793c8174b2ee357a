// Curves of the web page. One draw call is one item of a list (a line, a band, marks): four corners for each
// instance, and the shape is cut out of them in the fragment shader, with soft edges of one pixel.
//
// A point is four numbers whose meaning depends on the item's kind; lengths are CSS pixels from the top left:
//   line: x, y, length of the line up to here (for dashes), 1 where the point before is joined to this one
//   band: left, right, top, bottom
//   mark: x, y, radius, unused

const LINE = 0u;
const BAND = 1u;

struct Style {
    // Premultiplied. `ahead` is the colour right of `reach`: what the replay has not come to yet.
    color: vec4f,
    ahead: vec4f,
    // Lengths: on, off, on, off; all 0 for a solid line.
    dash: vec4f,
    size: vec2f,
    width: f32,
    reach: f32,
    kind: u32,
    first: u32,
    // Device pixels in a CSS pixel.
    ratio: f32,
    unused: f32,
}

@group(0) @binding(0) var<storage, read> points: array<vec4f>;
@group(0) @binding(1) var<uniform> style: Style;

struct Corner {
    @builtin(position) position: vec4f,
    @location(0) at: vec2f,
    // The shape, one for all corners: a segment's ends, or a box, or a mark's centre and radius.
    @location(1) @interpolate(flat) shape: vec4f,
    @location(2) @interpolate(flat) arc: f32,
}

@vertex
fn corner(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Corner {
    let side = vec2f(f32(index & 1u), f32(index >> 1u)) * 2.0 - 1.0;
    let p = points[style.first + instance];
    if style.kind == LINE {
        let q = points[style.first + instance + 1u];
        let reach = (style.width * 0.5 + 1.0) * select(0.0, 1.0, q.w > 0.5);
        let along = direction(p.xy, q.xy);
        let across = vec2f(-along.y, along.x);
        let end = select(p.xy, q.xy, side.x > 0.0);
        let at = end + along * side.x * reach + across * side.y * reach;
        return emit(at, vec4f(p.xy, q.xy), p.z);
    }
    if style.kind == BAND {
        // A line thin even where a column holds one value. One pixel of room for the soft edge.
        let box = vec4f(p.x, p.y, p.z - 0.5, p.w + 0.5);
        let centre = vec2f(box.x + box.y, box.z + box.w) * 0.5;
        let half = vec2f(box.y - box.x, box.w - box.z) * 0.5 + 1.0;
        return emit(centre + side * half, box, 0.0);
    }
    return emit(p.xy + side * (p.z + 1.0), vec4f(p.xyz, 0.0), 0.0);
}

fn direction(from_: vec2f, to: vec2f) -> vec2f {
    let step = to - from_;
    let length = length(step);
    return select(vec2f(1.0, 0.0), step / max(length, 1e-9), length > 1e-9);
}

fn emit(at: vec2f, shape: vec4f, arc: f32) -> Corner {
    let clip = at / style.size * 2.0 - 1.0;
    return Corner(vec4f(clip.x, -clip.y, 0.0, 1.0), at, shape, arc);
}

@fragment
fn cover(corner: Corner) -> @location(0) vec4f {
    var color = style.color;
    if corner.at.x > style.reach {
        color = style.ahead;
    }
    return color * coverage(corner);
}

// The share of the pixel that the shape covers.
fn coverage(corner: Corner) -> f32 {
    if style.kind == LINE {
        return soft(style.width * 0.5 - to_segment(corner)) * dashed(corner);
    }
    if style.kind == BAND {
        let inside = min(corner.at - corner.shape.xz, corner.shape.yw - corner.at);
        return soft(inside.x) * soft(inside.y);
    }
    return soft(corner.shape.z - distance(corner.at, corner.shape.xy));
}

fn soft(inside: f32) -> f32 {
    return clamp(inside * style.ratio + 0.5, 0.0, 1.0);
}

fn to_segment(corner: Corner) -> f32 {
    let p = corner.shape.xy;
    let step = corner.shape.zw - p;
    let t = dot(corner.at - p, step) / max(dot(step, step), 1e-9);
    return distance(corner.at, p + step * clamp(t, 0.0, 1.0));
}

fn dashed(corner: Corner) -> f32 {
    let period = dot(style.dash, vec4f(1.0));
    if period <= 0.0 {
        return 1.0;
    }
    let p = corner.shape.xy;
    let s = corner.arc + dot(corner.at - p, direction(p, corner.shape.zw));
    let m = s - floor(s / period) * period;
    let second = style.dash.x + style.dash.y;
    let first = soft(min(m, style.dash.x - m));
    return max(first, soft(min(m - second, second + style.dash.z - m)));
}
