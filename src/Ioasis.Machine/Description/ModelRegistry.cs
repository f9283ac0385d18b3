using System.Collections.Concurrent;
using Ioasis.Devices;

namespace Ioasis.Machine.Description;

/// <summary>The device models that a description can name, with their properties.</summary>
internal static class ModelRegistry
{
    private static readonly ConcurrentDictionary<string, DeviceModel> s_models = new()
    {
        ["dmatest"] = new DeviceModel<DmaTestOptions>(
            o => new DmaTestDevice(o.VirtualFunctions, o.PageRequests, o.Mdevs),
            ModelProperty.Count<DmaTestOptions>("virtualFunctions", 0, DmaTestDevice.MaxVirtualFunctions,
                (o, value) => o with { VirtualFunctions = value }),
            ModelProperty.Flag<DmaTestOptions>("pageRequests", (o, value) => o with { PageRequests = value }),
            ModelProperty.Count<DmaTestOptions>("mdevs", 0, DmaTestDevice.ChannelCount,
                (o, value) => o with { Mdevs = value })),
        ["dsa"] = new DeviceModel<DsaOptions>(
            o => new DsaDevice(o),
            ModelProperty.Count<DsaOptions>("maxTransferLog2", 1, 31,
                (o, value) => o with { MaxTransferLog2 = value }, "a logarithm"),
            ModelProperty.Count<DsaOptions>("maxBatchLog2", 1, 15,
                (o, value) => o with { MaxBatchLog2 = value }, "a logarithm"),
            ModelProperty.Count<DsaOptions>(
                "mdevs", 0, DsaDevice.MaxMdevQueues, (o, value) => o with { Mdevs = value })),
        ["edu"] = new DeviceModel<EduOptions>(
            o => new EduDevice(o.DmaMask),
            ModelProperty.Mask<EduOptions>("dmaMask", (o, value) => o with { DmaMask = value })),
        ["ioat"] = new DeviceModel<IoatOptions>(
            o => new IoatDevice(o),
            ModelProperty.Count<IoatOptions>("maxTransferLog2", 12, 20,
                (o, value) => o with { MaxTransferLog2 = value }, "a logarithm"),
            ModelProperty.Flag<IoatOptions>("haltOnFault", (o, value) => o with { HaltOnFault = value })),
        ["nvme"] = new DeviceModel<NvmeOptions>(
            o => new NvmeDevice(o),
            ModelProperty.Path<NvmeOptions>("file", (o, value) => o with { File = value }),
            ModelProperty.Size<NvmeOptions>("size", (o, value) => o with { Size = value }),
            ModelProperty.Count<NvmeOptions>("queues", 1, 16, (o, value) => o with { Queues = value }),
            ModelProperty.Count<NvmeOptions>("mdevs", 0, NvmeDevice.MaxMdevs, (o, value) => o with { Mdevs = value }),
            ModelProperty.Text<NvmeOptions>("serial", 20, (o, value) => o with { Serial = value })),
        ["virtio-blk"] = new VirtioFunctionModel(VirtioModelRegistry.ModelOf("virtio-blk")),
        ["virtio-net"] = new VirtioFunctionModel(VirtioModelRegistry.ModelOf("virtio-net")),
    };

    internal static IEnumerable<string> Names => s_models.Keys.Order(StringComparer.Ordinal);

    /// <summary>Adds a model without properties; false when the name is taken.</summary>
    internal static bool TryAdd(string name, Func<PciDeviceModel> create) =>
        s_models.TryAdd(name, new DeviceModel<NoOptions>(_ => create()));

    internal static IReadOnlyList<string> PropertiesOf(string model) => s_models[model].PropertyNames;

    /// <summary>The complaint about a model's name; null if the name is known.</summary>
    internal static string? CheckModel(string model) => s_models.ContainsKey(model)
        ? null
        : $"there is no device model \"{model}\"; expected one of: {string.Join(", ", Names)}";

    /// <summary>The complaint about a property's value; null if the value is right.</summary>
    internal static string? CheckProperty(string model, string name, string value) =>
        s_models[model].Check(name, value);

    /// <summary>Makes a device of a description.</summary>
    /// <param name="device">The description.</param>
    /// <param name="hubs">The machine's hubs.</param>
    internal static PciDeviceModel Create(DeviceDescription device, NetHubs hubs) =>
        s_models[device.Model].Create(device.Properties, hubs);

    private sealed record DmaTestOptions
    {
        internal int VirtualFunctions { get; init; }

        internal bool PageRequests { get; init; }

        internal int Mdevs { get; init; }
    }

    private sealed record EduOptions
    {
        internal ulong DmaMask { get; init; } = EduDevice.DefaultDmaMask;
    }

    private sealed record NoOptions;
}
