using System.Globalization;
using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>A PCI function that a program can open, from sysfs.</summary>
/// <param name="Requester">Its address.</param>
/// <param name="Path">Its node, such as <c>/dev/vfio/devices/vfio0</c>.</param>
/// <param name="VendorId">Vendor ID.</param>
/// <param name="DeviceId">Device ID.</param>
public sealed record VfioNode(RequesterId Requester, string Path, ushort VendorId, ushort DeviceId)
{
    private const string Devices = "/sys/bus/pci/devices";

    /// <summary>Finds the node of a function in sysfs.</summary>
    /// <exception cref="IommuException">There is no such function, or no VFIO driver is bound to it.</exception>
    public static VfioNode Of(NodeTransport nodes, RequesterId requester)
    {
        string name = nodes.List($"{Devices}/{requester}/vfio-dev")
            .FirstOrDefault(n => n.StartsWith("vfio", StringComparison.Ordinal))
            ?? throw new IommuException(Errno.ENOENT, $"look-up of the VFIO node of {requester}");
        return new VfioNode(requester, "/dev/vfio/devices/" + name, Id(nodes, requester, "vendor"),
            Id(nodes, requester, "device"));
    }

    internal static IReadOnlyList<VfioNode> Find(NodeTransport nodes)
    {
        var found = new List<VfioNode>();
        foreach (string name in nodes.List(Devices))
        {
            if (RequesterId.TryParse(name, out RequesterId requester)
                && nodes.TryList($"{Devices}/{name}/vfio-dev", out IReadOnlyList<string> _) == Errno.None)
                found.Add(Of(nodes, requester));
        }

        return found;
    }

    private static ushort Id(NodeTransport nodes, RequesterId requester, string attribute)
    {
        string text = nodes.ReadAttribute($"{Devices}/{requester}/{attribute}");
        return ushort.TryParse(text.AsSpan(Math.Min(2, text.Length)), NumberStyles.AllowHexSpecifier,
            CultureInfo.InvariantCulture, out ushort id)
            ? id
            : throw new IommuException(
                Errno.EIO, $"read of {attribute} of {requester}, which is \"{text}\" instead of 0x and four digits,");
    }
}
