using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Diagnostics.FailNth;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Injection;

/// <summary>One call fails, and what the program then repeats and leaves is reported.</summary>
public sealed class FailNthWatchTests
{
    [Fact]
    public void WithoutAFailureTheCallsAreNamedAndWhatIsGivenBackIsNotLeft()
    {
        FailNthReport report = Watch(0, "all", nodes =>
        {
            using IommuContext iommu = IommuContext.Open(nodes);
            using Ioas ioas = iommu.AllocateIoas();
            using UserMemory memory = nodes.Allocate(4096);
            ioas.Map(memory, MapAccess.Read, new Iova(0x40000));
            ioas.Unmap(new Iova(0x40000), 4096);
        });
        Assert.Equal(["open of /dev/iommu", "IOMMU_IOAS_ALLOC of /dev/iommu", "IOMMU_IOAS_MAP of /dev/iommu"],
            report.Names);
        Assert.Equal((3, null, false), (report.Calls, report.Failed, report.Repeated));
        Assert.Empty(report.Left);
    }

    [Fact]
    public void WhatIsLeftAtTheCloseIsCountedByKind()
    {
        FailNthReport report = Watch(0, "ioctl", nodes =>
        {
            IommuContext iommu = IommuContext.Open(nodes);
            Ioas ioas = iommu.AllocateIoas();
            iommu.AllocateIoas();
            using UserMemory memory = nodes.Allocate(8192);
            ioas.Map(memory, MapAccess.Read, new Iova(0x40000));
            ioas.Map(memory, MapAccess.Read, new Iova(0x50000));
            iommu.Handle.Dispose();
            using SvaContext sva = SvaContext.Open(nodes);
            sva.AllocatePasid();
        });
        Assert.Equal(new Dictionary<string, int> { ["ioas"] = 2, ["mapping"] = 2, ["pasid"] = 1 }, report.Left);
    }

    [Theory]
    [InlineData(1, "open of /dev/iommu")]
    [InlineData(2, "IOMMU_IOAS_ALLOC of /dev/iommu")]
    [InlineData(3, "IOMMU_IOAS_MAP of /dev/iommu")]
    [InlineData(4, null)]
    public void OneCallFailsAndIsSeenWhenItIsRepeated(long number, string? failed)
    {
        foreach (bool repeats in (bool[])[false, true])
        {
            FailNthReport report = Watch(number, "all", nodes => Assert.Equal(failed is null || repeats,
                Try(nodes, repeats)));
            Assert.Equal((failed, failed is not null && repeats), (report.Failed, report.Repeated));
        }
    }

    [Fact]
    public void WhatGivesBackFailsOnlyByItsName()
    {
        foreach (string calls in (string[])["all", "IOMMU_DESTROY"])
        {
            FailNthReport report = Watch(calls == "all" ? 3 : 1, calls, nodes =>
            {
                using IommuContext iommu = IommuContext.Open(nodes);
                iommu.AllocateIoas().Dispose();
            });
            Assert.Equal(calls == "all" ? null : "IOMMU_DESTROY of /dev/iommu", report.Failed);
        }
    }

    private static bool Try(NodeTransport nodes, bool repeats)
    {
        if (Repeat(() => IommuContext.Open(nodes)) is not { } iommu) return false;
        using (iommu)
        {
            if (Repeat(iommu.AllocateIoas) is not { } ioas) return false;
            using UserMemory memory = nodes.Allocate(4096);
            return Repeat(() => (object)ioas.Map(memory, MapAccess.Read, new Iova(0x40000))) is not null;
        }

        T? Repeat<T>(Func<T> call) where T : class
        {
            try { return call(); }
            catch (IommuException e) when (e.Errno == Errno.ENOMEM) { return repeats ? call() : null; }
        }
    }

    private static FailNthReport Watch(long number, string calls, Action<NodeTransport> program)
    {
        var watch = new FailNthWatch(number, Errno.ENOMEM, calls);
        using SoftwareMachine machine = SoftwareMachine.Create(MachineDescription.Default, watch.Injector);
        machine.Observers.Add(watch);
        using (NodeTransport nodes = NodeTransport.InProcess(machine)) program(nodes);
        return watch.Report;
    }
}
