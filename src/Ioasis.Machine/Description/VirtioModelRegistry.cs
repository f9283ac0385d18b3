using Ioasis.Devices.Net;
using Ioasis.Devices.Virtio;

namespace Ioasis.Machine.Description;

/// <summary>
/// The virtio models that a description can name, with their properties. Each can be a PCI function and a vDPA device.
/// </summary>
internal static class VirtioModelRegistry
{
    /// <summary>All of them.</summary>
    internal static ModelTable<VirtioDeviceModel> Models { get; } = new("virtio", new()
    {
        ["virtio-blk"] = new DescribedModel<VirtioBlkOptions, VirtioDeviceModel>(
            (o, _) => new VirtioBlkDevice(o),
            ModelProperty.Path<VirtioBlkOptions>("file", (o, value) => o with { File = value }),
            ModelProperty.Size<VirtioBlkOptions>("size", (o, value) => o with { Size = value }),
            ModelProperty.Count<VirtioBlkOptions>("queues", 1, VirtioBlkDevice.MostQueues,
                (o, value) => o with { Queues = value }),
            QueueSize<VirtioBlkOptions>((o, value) => o with { QueueSize = value }),
            ModelProperty.Flag<VirtioBlkOptions>("readOnly", (o, value) => o with { ReadOnly = value }),
            ModelProperty.Text<VirtioBlkOptions>("serial", 20, (o, value) => o with { Serial = value }),
            ModelProperty.Number<VirtioBlkOptions>("features", (o, value) => o with { Features = value })),
        ["virtio-net"] = new DescribedModel<NetDescription, VirtioDeviceModel>(
            (d, hubs) => new VirtioNetDevice(d.Options with { Link = d.Link(hubs) }),
            ModelProperty.Mac<NetDescription>("mac", (d, value) => d.With(o => o with { Mac = value })),
            ModelProperty.Count<NetDescription>("mtu", VirtioNetDevice.LeastMtu, VirtioNetDevice.MostMtu,
                (d, value) => d.With(o => o with { Mtu = value })),
            ModelProperty.Count<NetDescription>("queues", 1, VirtioNetDevice.MostPairs,
                (d, value) => d.With(o => o with { Pairs = value })),
            QueueSize<NetDescription>((d, value) => d.With(o => o with { QueueSize = value })),
            new("link", "is loopback, hub:NAME, listen:PATH or connect:PATH", (d, value) => d.WithLink(value)),
            ModelProperty.Path<NetDescription>("capture", (d, value) => d.With(o => o with { Capture = value })),
            ModelProperty.Number<NetDescription>("features", (d, value) => d.With(o => o with { Features = value }))),
    });

    private static ModelProperty<T> QueueSize<T>(Func<T, int, T> with) where T : class =>
        ModelProperty.PowerOfTwo("queueSize", VirtioRules.LeastQueueSize, VirtioRules.MostQueueSize, with);

    /// <summary>A network card, and what its link is called.</summary>
    private sealed record NetDescription
    {
        internal VirtioNetOptions Options { get; private init; } = new();

        /// <summary>Makes the link.</summary>
        internal Func<NetHubs, NetLink?> Link { get; private init; } = static _ => null;

        internal NetDescription With(Func<VirtioNetOptions, VirtioNetOptions> change) =>
            this with { Options = change(Options) };

        internal NetDescription? WithLink(string text)
        {
            if (text == "loopback") return this with { Link = static _ => null };
            string[] parts = text.Split(':', 2);
            if (parts.Length != 2 || parts[1].Length == 0) return null;
            string name = parts[1];
            return parts[0] switch
            {
                "hub" => this with { Link = hubs => hubs.Named(name) },
                "listen" => this with { Link = _ => new NetStream(name, listens: true) },
                "connect" => this with { Link = _ => new NetStream(name, listens: false) },
                _ => null,
            };
        }
    }
}
