using Ioasis.Devices;

namespace Ioasis.Machine.Description;

/// <summary>The device models that a description can name, with their properties.</summary>
internal static class ModelRegistry
{
    /// <summary>All of them.</summary>
    internal static ModelTable<PciDeviceModel> Models { get; } = new("device", new()
    {
        ["dmatest"] = new DescribedModel<DmaTestOptions, PciDeviceModel>(
            (o, _) => new DmaTestDevice(o.VirtualFunctions, o.PageRequests, o.Mdevs),
            ModelProperty.Count<DmaTestOptions>("virtualFunctions", 0, DmaTestDevice.MaxVirtualFunctions,
                (o, value) => o with { VirtualFunctions = value }),
            ModelProperty.Flag<DmaTestOptions>("pageRequests", (o, value) => o with { PageRequests = value }),
            ModelProperty.Count<DmaTestOptions>("mdevs", 0, DmaTestDevice.ChannelCount,
                (o, value) => o with { Mdevs = value })),
        ["dsa"] = new DescribedModel<DsaOptions, PciDeviceModel>(
            (o, _) => new DsaDevice(o),
            ModelProperty.Count<DsaOptions>("maxTransferLog2", 1, 31,
                (o, value) => o with { MaxTransferLog2 = value }, "a logarithm"),
            ModelProperty.Count<DsaOptions>("maxBatchLog2", 1, 15,
                (o, value) => o with { MaxBatchLog2 = value }, "a logarithm"),
            ModelProperty.Count<DsaOptions>(
                "mdevs", 0, DsaDevice.MaxMdevQueues, (o, value) => o with { Mdevs = value })),
        ["edu"] = new DescribedModel<EduOptions, PciDeviceModel>(
            (o, _) => new EduDevice(o.DmaMask),
            ModelProperty.Mask<EduOptions>("dmaMask", (o, value) => o with { DmaMask = value })),
        ["ioat"] = new DescribedModel<IoatOptions, PciDeviceModel>(
            (o, _) => new IoatDevice(o),
            ModelProperty.Count<IoatOptions>("maxTransferLog2", 12, 20,
                (o, value) => o with { MaxTransferLog2 = value }, "a logarithm"),
            ModelProperty.Flag<IoatOptions>("haltOnFault", (o, value) => o with { HaltOnFault = value })),
        ["nvme"] = new DescribedModel<NvmeOptions, PciDeviceModel>(
            (o, _) => new NvmeDevice(o),
            ModelProperty.Path<NvmeOptions>("file", (o, value) => o with { File = value }),
            ModelProperty.Size<NvmeOptions>("size", (o, value) => o with { Size = value }),
            ModelProperty.Count<NvmeOptions>("queues", 1, 16, (o, value) => o with { Queues = value }),
            ModelProperty.Count<NvmeOptions>("mdevs", 0, NvmeDevice.MaxMdevs, (o, value) => o with { Mdevs = value }),
            ModelProperty.Text<NvmeOptions>("serial", 20, (o, value) => o with { Serial = value })),
        ["virtio-blk"] = new VirtioFunctionModel(VirtioModelRegistry.Models["virtio-blk"]),
        ["virtio-net"] = new VirtioFunctionModel(VirtioModelRegistry.Models["virtio-net"]),
    });

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
}
