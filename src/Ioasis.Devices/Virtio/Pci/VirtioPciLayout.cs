using System.Buffers.Binary;

namespace Ioasis.Devices.Virtio.Pci;

/// <summary>
/// The BARs and capabilities of a virtio function. BAR 4 has the structures whose reads and writes have effects, BAR 0
/// the legacy registers: neither can be mapped. BAR 1 has the MSI-X structures and BAR 2 the notifications.
/// </summary>
internal static class VirtioPciLayout
{
    internal const int LegacyBar = 0, MsixBar = 1, NotifyBar = 2, StructuresBar = 4;
    internal const uint Common = 0, Isr = 0x1000, DeviceConfig = 0x2000;

    /// <summary>Distance between the notifications of two queues.</summary>
    internal const uint NotifyMultiplier = 4;

    /// <summary>What a notification reads as; no queue has this index.</summary>
    internal const ulong IdleNotification = 0xffff;

    private const ushort VendorId = 0x1af4, FirstDeviceId = 0x1040, SubsystemId = 0x1100;
    private const uint LegacySize = 0x1000, StructuresSize = 0x4000, NotifySize = 0x1000;
    private const uint MsixSize = 0x4000, MsixPending = 0x3000;
    private const uint NetworkClass = 0x020000, ScsiClass = 0x010000, OtherClass = 0xff0000;

    /// <summary>Kinds of structures (virtio 1.3, 4.1.4).</summary>
    private enum Structure : byte
    {
        Common = 1,
        Notify = 2,
        Isr = 3,
        Device = 4,
        Window = 5,
    }

    internal static PciFunction Describe(VirtioFunction device)
    {
        int queues = device.Queues.Count;
        return new PciFunction
        {
            VendorId = VendorId,
            DeviceId = (ushort)(FirstDeviceId + device.DeviceId),
            SubsystemVendorId = VendorId,
            SubsystemId = SubsystemId,
            Revision = 1,
            ClassCode = device.DeviceId switch { 1 => NetworkClass, 2 => ScsiClass, _ => OtherClass },
            HasInterruptPin = true,
            Msix = new MsixLayout(queues + 1, MsixBar, 0, MsixPending),
            Bars =
            [
                new Bar
                {
                    Index = LegacyBar,
                    Size = LegacySize,
                    IsMappable = false,
                    UnclaimedByte = 0,
                    Registers = [.. VirtioPciLegacy.All(device.ConfigSize)],
                },
                new Bar { Index = MsixBar, Size = MsixSize, UnclaimedByte = 0 },
                new Bar
                {
                    Index = NotifyBar,
                    Size = NotifySize,
                    Is64Bit = true,
                    UnclaimedByte = 0,
                    Registers = [.. Enumerable.Range(0, queues).Select(Notification)],
                },
                new Bar
                {
                    Index = StructuresBar,
                    Size = StructuresSize,
                    Is64Bit = true,
                    IsMappable = false,
                    UnclaimedByte = 0,
                    Registers = [.. VirtioPciRegisters.All, .. ConfigBytes(device.ConfigSize)],
                },
            ],
            VendorCapabilities =
            [
                Capability(Structure.Common, StructuresBar, Common, VirtioPciRegisters.Size),
                Capability(Structure.Isr, StructuresBar, Isr, 1),
                Capability(Structure.Device, StructuresBar, DeviceConfig, (uint)device.ConfigSize),
                Capability(Structure.Notify, NotifyBar, 0, (uint)queues * NotifyMultiplier, NotifyMultiplier),
                Capability(Structure.Window, 0, 0, 0, 0) with { IsBarWindow = true },
            ],
        };
    }

    /// <summary>The queue that a notification is for.</summary>
    internal static int QueueOf(Register notification) => (int)(notification.Offset / NotifyMultiplier);

    /// <summary>A part of a field cannot be accessed (virtio 1.3, 4.1.3.1).</summary>
    internal static AccessWidths AtLeast(int width) => (AccessWidths)((int)AccessWidths.Any & -width);

    private static Register Notification(int queue) => new($"notify {queue}", (uint)queue * NotifyMultiplier, 2,
        RegisterKind.Doorbell, IdleNotification);

    private static IEnumerable<Register> ConfigBytes(int count) => Enumerable.Range(0, count)
        .Select(i => new Register($"device config {i}", DeviceConfig + (uint)i, 1, RegisterKind.Doorbell)
        {
            IsComputed = true,
        });

    private static VendorCapability Capability(
        Structure structure, int bar, uint offset, uint length, uint? extra = null)
    {
        byte[] contents = new byte[extra is null ? 13 : 17];
        contents[0] = (byte)structure;
        contents[1] = (byte)bar;
        BinaryPrimitives.WriteUInt32LittleEndian(contents.AsSpan(5), offset);
        BinaryPrimitives.WriteUInt32LittleEndian(contents.AsSpan(9), length);
        if (extra is { } last) BinaryPrimitives.WriteUInt32LittleEndian(contents.AsSpan(13), last);
        return new VendorCapability(contents);
    }
}
