using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd;

namespace Ioasis.Passthrough.Vfio.Ioctls;

/// <summary>What a device is made of: GET_INFO, GET_REGION_INFO, GET_IRQ_INFO.</summary>
internal static class InfoIoctls
{
    internal static SysResult GetInfo(VfioCall call)
    {
        uint argsz = call.Read<VfioDeviceInfo>().Argsz;
        VfioDeviceInfo info = call.Device.Ops.Info;
        info.Argsz = argsz;
        return call.Return(info, (int)Math.Min(argsz, (uint)call.Device.Ops.InfoSize));
    }

    internal static SysResult GetRegionInfo(VfioCall call)
    {
        VfioRegionInfo info = call.Read<VfioRegionInfo>();
        Errno errno = call.Device.Ops.GetRegionInfo(ref info, out IReadOnlyList<VfioCapability> capabilities);
        if (errno != Errno.None) return errno;
        int size = Marshal.SizeOf<VfioRegionInfo>();
        if (capabilities.Count > 0)
        {
            // They are written if the program has room for all of them; else it is told how much room to have.
            info.Flags |= VfioH.VFIO_REGION_INFO_FLAG_CAPS;
            byte[] chain = Chain(capabilities, size);
            uint needed = (uint)(size + chain.Length);
            info.CapOffset = info.Argsz < needed ? 0 : (uint)size;
            if (info.Argsz < needed) info.Argsz = needed;
            else if (!call.TryWrite((uint)size, chain))
                return UserFault.Write(unchecked(call.Argument + (uint)size), (uint)chain.Length);
        }

        return call.Return(info, size);
    }

    internal static SysResult GetIrqInfo(VfioCall call)
    {
        VfioIrqInfo info = call.Read<VfioIrqInfo>();
        Errno errno = call.Device.Ops.GetIrqInfo(ref info);
        return errno == Errno.None ? call.Return(info, Marshal.SizeOf<VfioIrqInfo>()) : errno;
    }

    /// <summary>
    /// Lays capabilities out one after the other; each header says at which offset of the structure the next one
    /// begins.
    /// </summary>
    private static byte[] Chain(IReadOnlyList<VfioCapability> capabilities, int start)
    {
        const int alignment = 8; // Linux: vfio_info_cap_add
        int header = Marshal.SizeOf<VfioInfoCapHeader>();
        List<byte> chain = [];
        for (int i = 0; i < capabilities.Count; i++)
        {
            VfioCapability capability = capabilities[i];
            int end = chain.Count + ((header + capability.Data.Length + alignment - 1) & -alignment);
            bool isLast = i == capabilities.Count - 1;
            uint next = isLast ? 0 : (uint)(start + end);
            var written = new VfioInfoCapHeader { Id = capability.Id, Version = capability.Version, Next = next };
            chain.AddRange(MemoryMarshal.AsBytes(new ReadOnlySpan<VfioInfoCapHeader>(in written)));
            chain.AddRange(capability.Data);
            while (chain.Count < end) chain.Add(0);
        }

        return [.. chain];
    }
}
