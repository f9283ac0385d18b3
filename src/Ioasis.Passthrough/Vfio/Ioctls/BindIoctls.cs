using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vfio.Ioctls;

/// <summary>BIND_IOMMUFD, ATTACH_IOMMUFD_PT and DETACH_IOMMUFD_PT (Linux: vfio/device_cdev.c).</summary>
internal static class BindIoctls
{
    private const int BindMinimum = 16, BindSize = 24, OutDevidOffset = 12, TokenSize = 16;
    private const int AttachWithPasid = 16, PtIdOffset = 8, DetachWithPasid = 12;

    internal static SysResult Bind(VfioCall call)
    {
        Errno errno = ReadBind(call, out VfioDeviceBindIommufd bind);
        if (errno != Errno.None) return errno;
        if (bind.Iommufd < 0 || (bind.Flags & ~VfioH.VFIO_DEVICE_BIND_FLAG_TOKEN) != 0)
            return Errno.EINVAL.Because(
                $"descriptor {bind.Iommufd} is negative, or flags 0x{bind.Flags:x} have an unknown bit");
        if (call.File.IsOfGroup)
            return Errno.EINVAL.Because("the device was opened through its group, whose container it uses");
        VfioGroup? group = call.Device.Group;
        errno = group?.Block() ?? Errno.None;
        if (errno != Errno.None) return errno;
        errno = BindBlocked(call, bind);
        if (errno != Errno.None) group?.Unblock();
        return errno;
    }

    private static Errno BindBlocked(VfioCall call, VfioDeviceBindIommufd bind)
    {
        if (call.File.IsGranted) return Errno.EINVAL.Because("the device is bound already");
        Guid? token = null;
        if ((bind.Flags & VfioH.VFIO_DEVICE_BIND_FLAG_TOKEN) != 0)
        {
            Span<byte> bytes = stackalloc byte[TokenSize];
            if (!call.Caller.Memory.TryRead(new Hva(bind.TokenUuidPtr), bytes))
                return UserFault.Read(bind.TokenUuidPtr, TokenSize);
            token = new Guid(bytes, bigEndian: true); // in the order of its text
        }

        Errno errno = call.Device.Ops.MatchToken(token);
        if (errno != Errno.None) return errno;
        errno = call.Caller.TryGet(bind.Iommufd, out IommufdContext? context);
        if (errno != Errno.None) return errno;
        ICaller caller = call.Caller;
        ulong outDevid = unchecked(call.Argument + OutDevidOffset);
        errno = call.Device.Bind(call.File, context!, id => TryWriteId(caller, outDevid, id));
        if (errno == Errno.None) call.File.IsGranted = true;
        return errno;
    }

    internal static SysResult Attach(VfioCall call)
    {
        VfioDeviceAttachIommufdPt attach = call.Read<VfioDeviceAttachIommufdPt>();
        Errno errno = ReadPasid(call, attach.Argsz, attach.Flags, AttachWithPasid, out uint? pasid);
        if (errno != Errno.None) return errno;
        ICaller caller = call.Caller;
        ulong ptId = unchecked(call.Argument + PtIdOffset);
        return call.Device.Attach(pasid, attach.PtId, id => TryWriteId(caller, ptId, id));
    }

    internal static SysResult Detach(VfioCall call)
    {
        VfioDeviceDetachIommufdPt detach = call.Read<VfioDeviceDetachIommufdPt>();
        Errno errno = ReadPasid(call, detach.Argsz, detach.Flags, DetachWithPasid, out uint? pasid);
        if (errno != Errno.None) return errno;
        call.Device.Detach(pasid);
        return SysResult.Ok();
    }

    /// <summary>
    /// The PASID is the last field of the longer structure, there only with the flag (the same bit for both calls).
    /// </summary>
    private static Errno ReadPasid(VfioCall call, uint argsz, uint flags, int longSize, out uint? pasid)
    {
        pasid = null;
        if ((flags & ~VfioH.VFIO_DEVICE_ATTACH_PASID) != 0)
            return Errno.EINVAL.Because($"flags 0x{flags:x} have an unknown bit");
        if (flags == 0) return Errno.None;
        if (!call.Device.HasPasids) return Errno.EOPNOTSUPP.Because("the device has no PASIDs");
        if (argsz < longSize)
            return Errno.EINVAL.Because($"argsz is {argsz}; with a PASID it must be at least {longSize}");
        Span<byte> bytes = stackalloc byte[4];
        if (!call.TryRead((uint)longSize - 4, bytes)) return UserFault.Read(call.Argument, (uint)longSize);
        pasid = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        return Errno.None;
    }

    /// <summary>
    /// A structure that may be longer than the one we know, if what we do not know is 0 (Linux: copy_struct_from_user).
    /// </summary>
    private static Errno ReadBind(VfioCall call, out VfioDeviceBindIommufd bind)
    {
        bind = default;
        Span<byte> bytes = stackalloc byte[BindSize];
        bytes.Clear();
        if (!call.TryRead(0, bytes[..4])) return UserFault.Read(call.Argument, sizeof(uint));
        uint argsz = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (argsz < BindMinimum) return Errno.EINVAL.Because($"argsz is {argsz}; it must be at least {BindMinimum}");
        Span<byte> tail = stackalloc byte[256];
        for (uint at = BindSize; at < argsz; at += (uint)tail.Length)
        {
            Span<byte> part = tail[..(int)Math.Min(argsz - at, (uint)tail.Length)];
            if (!call.TryRead(at, part)) return UserFault.Read(unchecked(call.Argument + at), (uint)part.Length);
            if (part.ContainsAnyExcept((byte)0))
                return Errno.E2BIG.Because("a byte of the structure that is not known here is not 0");
        }

        if (!call.TryRead(0, bytes[..(int)Math.Min(argsz, BindSize)])) return UserFault.Read(call.Argument, argsz);
        bind = MemoryMarshal.Read<VfioDeviceBindIommufd>(bytes);
        return Errno.None;
    }

    private static bool TryWriteId(ICaller caller, ulong address, uint id)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, id);
        return caller.Memory.TryWrite(new Hva(address), bytes);
    }
}
