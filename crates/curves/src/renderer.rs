//! The renderer: one device, a surface for each canvas.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wasm_bindgen::prelude::*;
use web_sys::HtmlCanvasElement;

use crate::item::{Item, NUMBERS, STYLE_BYTES, View};

/// What the shader's dynamic offsets are multiples of, on every device.
const ALIGNED_BYTES: usize = 256;

const POINT_BYTES: u64 = 16;

/// One device with the pipeline that draws everything.
#[wasm_bindgen]
pub struct Renderer {
    instance: wgpu::Instance,
    adapter: wgpu::Adapter,
    device: wgpu::Device,
    queue: wgpu::Queue,
    layout: wgpu::BindGroupLayout,
    shader: wgpu::ShaderModule,
    pipeline: Option<(wgpu::TextureFormat, wgpu::RenderPipeline)>,
    panes: Vec<Pane>,
    is_lost: Arc<AtomicBool>,
}

/// A canvas with the points that were last put there.
struct Pane {
    surface: wgpu::Surface<'static>,
    configured: Option<(u32, u32)>,
    points: Option<Buffer>,
    points_count: u32,
    styles: Option<Buffer>,
}

/// A buffer on the device that grows when it must.
struct Buffer {
    buffer: wgpu::Buffer,
    bytes: u64,
}

#[wasm_bindgen]
impl Renderer {
    /// Asks the browser for a device.
    ///
    /// # Errors
    /// Where there is no adapter or no device, with the browser's reason.
    pub async fn open() -> Result<Renderer, JsError> {
        let mut wanted = wgpu::InstanceDescriptor::new_without_display_handle();
        wanted.backends = wgpu::Backends::BROWSER_WEBGPU;
        let instance = wgpu::Instance::new(wanted);
        let adapter = instance
            .request_adapter(&wgpu::RequestAdapterOptions::default())
            .await?;
        let (device, queue) = adapter.request_device(&wgpu::DeviceDescriptor::default()).await?;
        let is_lost = watch(&device);
        let layout = bind_group_layout(&device);
        let shader = device.create_shader_module(wgpu::include_wgsl!("../../../shaders/curves.wgsl"));
        Ok(Self {
            instance,
            adapter,
            device,
            queue,
            layout,
            shader,
            pipeline: None,
            panes: Vec::new(),
            is_lost,
        })
    }

    /// The adapter's name, as far as the browser tells.
    pub fn adapter(&self) -> String {
        let info = self.adapter.get_info();
        [info.name, info.driver, info.driver_info]
            .join(" ")
            .trim()
            .to_owned()
    }

    /// Whether the device is gone; nothing can be drawn then.
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// Takes a canvas and gives it a number.
    ///
    /// # Errors
    /// Where the canvas cannot be drawn on by WebGPU.
    pub fn add_canvas(&mut self, canvas: HtmlCanvasElement) -> Result<usize, JsError> {
        let surface = self
            .instance
            .create_surface(wgpu::SurfaceTarget::Canvas(canvas))?;
        self.panes.push(Pane {
            surface,
            configured: None,
            points: None,
            points_count: 0,
            styles: None,
        });
        Ok(self.panes.len() - 1)
    }

    /// Puts the points of a canvas on the device: four numbers each, as `shaders/curves.wgsl` says.
    pub fn set_points(&mut self, canvas: usize, points: &[f32]) {
        let Some(pane) = self.panes.get_mut(canvas) else {
            return;
        };
        let bytes: Vec<u8> = points.iter().flat_map(|number| number.to_le_bytes()).collect();
        pane.points_count = u32::try_from(points.len() / 4).unwrap_or(0);
        let usage = wgpu::BufferUsages::STORAGE;
        Buffer::fill(&mut pane.points, &self.device, &self.queue, &bytes, usage);
    }

    /// Draws `items` ([`crate::item::NUMBERS`] numbers each) on a canvas of this size, over nothing.
    ///
    /// Returns whether it was drawn; it is not while the canvas is out of sight.
    pub fn draw(&mut self, canvas: usize, width: f32, height: f32, ratio: f32, items: &[f32]) -> bool {
        let view = View { width, height, ratio };
        let Some(format) = self.configure(canvas, view) else {
            return false;
        };
        self.ensure_pipeline(format);
        let Some(pane) = self.panes.get_mut(canvas) else {
            return false;
        };
        let items = read_items(items, pane.points_count);
        let styles = styles(&items, view);
        let usage = wgpu::BufferUsages::UNIFORM;
        Buffer::fill(&mut pane.styles, &self.device, &self.queue, &styles, usage);
        self.render(canvas, &items)
    }
}

impl Renderer {
    /// Fits the surface to the canvas; gives its format.
    fn configure(&mut self, canvas: usize, view: View) -> Option<wgpu::TextureFormat> {
        let pane = self.panes.get_mut(canvas)?;
        let most = self.device.limits().max_texture_dimension_2d as f32;
        let pixels = |length: f32| (length * view.ratio).round().clamp(1.0, most) as u32;
        let size = (pixels(view.width), pixels(view.height));
        let mut config = pane.surface.get_default_config(&self.adapter, size.0, size.1)?;
        config.alpha_mode = wgpu::CompositeAlphaMode::PreMultiplied;
        if pane.configured != Some(size) {
            pane.surface.configure(&self.device, &config);
            pane.configured = Some(size);
        }
        Some(config.format)
    }

    fn ensure_pipeline(&mut self, format: wgpu::TextureFormat) {
        if self.pipeline.as_ref().is_none_or(|(of, _)| *of != format) {
            let pipeline = pipeline(&self.device, &self.layout, &self.shader, format);
            self.pipeline = Some((format, pipeline));
        }
    }

    fn render(&self, canvas: usize, items: &[Item]) -> bool {
        let Some(pane) = self.panes.get(canvas) else {
            return false;
        };
        let Some((_, pipeline)) = &self.pipeline else {
            return false;
        };
        let (wgpu::CurrentSurfaceTexture::Success(frame) | wgpu::CurrentSurfaceTexture::Suboptimal(frame)) =
            pane.surface.get_current_texture()
        else {
            return false;
        };
        let view = frame.texture.create_view(&wgpu::TextureViewDescriptor::default());
        let mut encoder = self
            .device
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
        if let Some(group) = self.bind_group(pane) {
            pass.set_pipeline(pipeline);
            for (index, item) in items.iter().enumerate() {
                pass.set_bind_group(0, &group, &[(index * ALIGNED_BYTES) as u32]);
                pass.draw(0..4, 0..item.instances());
            }
        }
        drop(pass);
        self.queue.submit([encoder.finish()]);
        self.queue.present(frame);
        true
    }

    /// `None` where there is nothing to draw.
    fn bind_group(&self, pane: &Pane) -> Option<wgpu::BindGroup> {
        let (points, styles) = (pane.points.as_ref()?, pane.styles.as_ref()?);
        let style = wgpu::BufferBinding {
            buffer: &styles.buffer,
            offset: 0,
            size: wgpu::BufferSize::new(STYLE_BYTES as u64),
        };
        Some(self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.layout,
            entries: &[
                wgpu::BindGroupEntry {
                    binding: 0,
                    resource: points.buffer.as_entire_binding(),
                },
                wgpu::BindGroupEntry {
                    binding: 1,
                    resource: wgpu::BindingResource::Buffer(style),
                },
            ],
        }))
    }
}

impl Buffer {
    fn fill(
        place: &mut Option<Self>,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        bytes: &[u8],
        usage: wgpu::BufferUsages,
    ) {
        let needed = (bytes.len() as u64).max(POINT_BYTES);
        if place.as_ref().is_none_or(|buffer| buffer.bytes < needed) {
            // Half as much again: a log that is followed grows by a few points at a time.
            let bytes = (needed + needed / 2).next_multiple_of(ALIGNED_BYTES as u64);
            let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: bytes,
                usage: usage | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            *place = Some(Self { buffer, bytes });
        }
        if let Some(buffer) = place {
            queue.write_buffer(&buffer.buffer, 0, bytes);
        }
    }
}

fn watch(device: &wgpu::Device) -> Arc<AtomicBool> {
    let is_lost = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_lost);
    device.set_device_lost_callback(move |_, _| flag.store(true, Ordering::Relaxed));
    is_lost
}

fn read_items(numbers: &[f32], points: u32) -> Vec<Item> {
    let items = numbers.chunks_exact(NUMBERS);
    let items = items.filter_map(|numbers| Item::read(numbers, points));
    // A line of one point is no line, and browsers warn of draws without instances.
    items.filter(|item| item.instances() > 0).collect()
}

/// The items' styles, each where a dynamic offset may point.
fn styles(items: &[Item], view: View) -> Vec<u8> {
    let mut bytes = vec![0; items.len() * ALIGNED_BYTES];
    for (place, item) in bytes.chunks_exact_mut(ALIGNED_BYTES).zip(items) {
        place[..STYLE_BYTES].copy_from_slice(&item.style(view));
    }
    bytes
}

fn bind_group_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let entry = |binding, visibility, ty, has_dynamic_offset| wgpu::BindGroupLayoutEntry {
        binding,
        visibility,
        ty: wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset,
            min_binding_size: None,
        },
        count: None,
    };
    let points = wgpu::BufferBindingType::Storage { read_only: true };
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: None,
        entries: &[
            entry(0, wgpu::ShaderStages::VERTEX, points, false),
            entry(
                1,
                wgpu::ShaderStages::VERTEX_FRAGMENT,
                wgpu::BufferBindingType::Uniform,
                true,
            ),
        ],
    })
}

fn pipeline(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    shader: &wgpu::ShaderModule,
    format: wgpu::TextureFormat,
) -> wgpu::RenderPipeline {
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("curves"),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module: shader,
            entry_point: Some("corner"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState {
            topology: wgpu::PrimitiveTopology::TriangleStrip,
            ..Default::default()
        },
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: shader,
            entry_point: Some("cover"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format,
                blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}
