using System.Runtime.CompilerServices;
using Ioasis.Abi;
using Ioasis.Core.Endpoints;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Tests.Vfio;
using Ioasis.Units.Vtd;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>A context with a program that calls it, and functions behind a VT-d unit.</summary>
internal sealed class TestMachine
{
    private static int s_slots;

    internal VtdUnit Unit { get; } = new("dmar0", new VtdFeatures());

    internal TestCaller Program { get; } = new();

    internal IommufdContext Context { get; }

    internal TestMachine() => Context = new IommufdContext(new FakeCarrier(), observers: Unit.Observers);

    internal Endpoint NewEndpoint()
    {
        int slot = Interlocked.Increment(ref s_slots);
        return new Endpoint(new RequesterId(0, (byte)(slot >> 5), (byte)(slot & 31), 0), Unit,
            new IommuGroup(slot));
    }

    internal IommufdDevice Bind(Endpoint? endpoint = null)
    {
        Assert.Equal(Errno.None, IommufdDevice.Bind(Context, endpoint ?? NewEndpoint(), out IommufdDevice? device));
        return device!;
    }

    internal uint NewIoas()
    {
        var args = new IommuIoasAlloc { Size = 12 };
        Assert.Equal(Errno.None, Call(IOMMU_IOAS_ALLOC, ref args));
        return args.OutIoasId;
    }

    internal Errno Call<T>(uint command, ref T args) where T : unmanaged => Program.Call(Context, command, ref args);

    /// <summary>Maps what is mapped at one place of an IOAS at another too, for reads.</summary>
    internal Errno Copy(uint ioas, ulong from, ulong to, ulong length)
    {
        var args = new IommuIoasCopy
        {
            Size = Length<IommuIoasCopy>(),
            Flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
            SrcIoasId = ioas,
            DstIoasId = ioas,
            SrcIova = from,
            DstIova = to,
            Length = length,
        };
        return Call(IOMMU_IOAS_COPY, ref args);
    }

    internal Errno Map(uint ioas, ulong iova, ulong address, ulong length, uint flags = IOMMU_IOAS_MAP_READABLE
        | IOMMU_IOAS_MAP_WRITEABLE)
    {
        var args = new IommuIoasMap
        {
            Size = Length<IommuIoasMap>(),
            Flags = flags | IOMMU_IOAS_MAP_FIXED_IOVA,
            IoasId = ioas,
            UserVa = address,
            Length = length,
            Iova = iova,
        };
        return Call(IOMMU_IOAS_MAP, ref args);
    }

    internal Errno Unmap(uint ioas, ulong iova, ref ulong length)
    {
        var args = new IommuIoasUnmap { Size = Length<IommuIoasUnmap>(), IoasId = ioas, Iova = iova, Length = length };
        Errno errno = Call(IOMMU_IOAS_UNMAP, ref args);
        length = args.Length;
        return errno;
    }

    internal Errno Destroy(uint id)
    {
        var args = new IommuDestroy { Size = Length<IommuDestroy>(), Id = id };
        return Call(IOMMU_DESTROY, ref args);
    }

    internal static uint Length<T>() => (uint)Unsafe.SizeOf<T>();
}
