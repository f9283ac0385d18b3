using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Machine.Nodes;

namespace Ioasis.Tests.Host;

/// <summary>Paths like those of a machine with one device, without the machine.</summary>
internal static class SamplePaths
{
    public static Dictionary<string, VirtualPath> Make(INode? iommu = null)
    {
        VirtualPath[] all =
        [
            new VirtualDevice(iommu ?? new SampleNode("/dev/iommu", 10, 124, 0x1B6)),
            new VirtualDirectory("/dev/vfio", Merged: false),
            new VirtualDirectory("/dev/vfio/devices", Merged: false),
            new VirtualDevice(new SampleNode("/dev/vfio/devices/vfio0", 511, 300, 0x180)),
            new VirtualDirectory("/sys/bus/pci/devices", Merged: true),
            new VirtualLink("/sys/bus/pci/devices/0000:00:05.0", "../../../devices/pci0000:00/0000:00:05.0"),
            new VirtualDirectory("/sys/devices/pci0000:00", Merged: true),
            new VirtualDirectory("/sys/devices/pci0000:00/0000:00:05.0", Merged: false),
            new VirtualFile("/sys/devices/pci0000:00/0000:00:05.0/vendor", () => "0x1234\n"u8.ToArray()),
            new VirtualLink("/sys/devices/pci0000:00/0000:00:05.0/iommu_group", "../../../kernel/iommu_groups/7"),
            new VirtualLink("/sys/devices/pci0000:00/0000:00:05.0/subsystem", "../../../bus/pci"),
            new VirtualLink("/sys/devices/pci0000:00/0000:00:05.0/absolute", "/dev/iommu"),
            new VirtualLink("/sys/devices/pci0000:00/0000:00:05.0/loop", "loop"),
            new VirtualDirectory("/sys/kernel/iommu_groups", Merged: true),
            new VirtualDirectory("/sys/kernel/iommu_groups/7", Merged: false),
        ];
        return all.ToDictionary(path => path.Path);
    }

    internal sealed class SampleNode(string path, uint major, uint minor, uint mode) : INode
    {
        public string Path => path;

        public uint Major => major;

        public uint Minor => minor;

        public uint Mode => mode;

        public IReadOnlyList<uint> MessageSizes { get; init; } = [];

        public Errno Open(ICarrier carrier, out NodeFile? file)
        {
            file = null;
            return Errno.ENXIO;
        }
    }
}
