using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Devices;

/// <summary>
/// A region of a device as a file of sysfs (<c>resource0</c>). It has no bytes to read; it could only be mapped, and is
/// not: a kernel with CONFIG_IO_STRICT_DEVMEM says EINVAL, too, for what a driver has.
/// </summary>
internal sealed class UnmappableRegion(VirtualFile attribute) : ICarrierChoice
{
    public string Path => attribute.Path;

    public uint Major => 0;

    public uint Minor => 0;

    public uint Mode => attribute.Mode;

    public Errno TryCreate(string name, out Carrier? carrier) => Carrier.TryCreateFile(name, size: 0, out carrier);

    public Errno Open(ICarrier carrier, out NodeFile? file)
    {
        file = new File();
        return Errno.None;
    }

    private sealed class File : NodeFile
    {
        public override SysResult Ioctl(ICaller caller, uint command, ulong argument) => Errno.ENOTTY;

        public override Errno Map(
            ulong offset, ulong length, bool shared, bool readable, bool writable, bool executable) =>
            Errno.EINVAL;

        public override void Close()
        {
        }
    }
}
