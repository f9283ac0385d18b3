using Ioasis.Abi;
using Ioasis.Core.Injection;
using Ioasis.Diagnostics.Injection;

namespace Ioasis.Tests.Injection;

/// <summary>Rules mean what strace's letters mean, choose the same each time, and their mistakes are told.</summary>
public sealed class RuleTests
{
    [Theory]
    [InlineData("", "xxxxxxxxxx")]
    [InlineData(":when=1", "x.........")]
    [InlineData(":when=3", "..x.......")]
    [InlineData(":when=3+", "..xxxxxxxx")]
    [InlineData(":when=3+2", "..x.x.x.x.")]
    [InlineData(":when=2..4", ".xxx......")]
    [InlineData(":when=2..8+3", ".x..x..x..")]
    [InlineData(":when=2..9+", ".xxxxxxxx.")]
    public void WhenChoosesByNumber(string when, string expected) =>
        Assert.Equal(expected, Rules.Of("IOMMU_IOAS_MAP:error=ENOMEM" + when).Tried(10));

    [Theory]
    [InlineData("IOMMU_IOAS_MAP,IOMMU_IOAS_UNMAP", "IOMMU_IOAS_UNMAP", true)]
    [InlineData("IOMMU_IOAS_MAP", "IOMMU_IOAS_UNMAP", false)]
    [InlineData("ioctl", "IOMMU_IOAS_UNMAP", true)]
    [InlineData("ioctl", "mmap", false)]
    [InlineData("iommu", "open", true)]
    [InlineData("vfio", "open", false)]
    [InlineData("all", "read", true)]
    [InlineData("write,mmap", "mmap", true)]
    [InlineData("VFIO_DEVICE_BIND_IOMMUFD", "VFIO_DEVICE_BIND_IOMMUFD", true)]
    [InlineData("VHOST_SET_OWNER", "VHOST_SET_OWNER", true)]
    [InlineData("IOASIS_SVA_BIND_PROCESS", "IOASIS_SVA_BIND_PROCESS", true)]
    public void CallsAreChosenByNameAndByNode(string set, string call, bool fails) =>
        Assert.Equal(fails ? (int)Errno.EBUSY : 0, Rules.Of(set + ":error=EBUSY").FailCall("/dev/iommu", call));

    [Fact]
    public void OnlyWhatARuleMatchesIsCounted()
    {
        InjectionRules rules = Rules.Of("IOMMU_IOAS_MAP:error=ENOMEM:when=2", "all:error=EIO:when=4");
        Assert.Equal([0, 0, (int)Errno.ENOMEM, (int)Errno.EIO],
            ((string[])["IOMMU_IOAS_MAP", "mmap", "IOMMU_IOAS_MAP", "mmap"])
                .Select(call => rules.FailCall("/dev/iommu", call)));
    }

    [Fact]
    public void ChanceIsRepeatedByItsSeed()
    {
        string rule = "IOMMU_IOAS_MAP:error=ENOMEM:probability=0.25";
        string first = Rules.Of(rule + ":seed=7").Tried(4000);
        Assert.Equal(first, Rules.Of(rule + ":seed=7").Tried(4000));
        Assert.NotEqual(first, Rules.Of(rule + ":seed=8").Tried(4000));
        Assert.InRange(first.Count(c => c == 'x'), 850, 1150);
        Assert.DoesNotContain('x', Rules.Of(rule + ":seed=7:when=3").Tried(4000)[3..]);
    }

    [Theory]
    [InlineData("trace=dma", "\"trace=dma\" is no rule such as inject=dma:fault")]
    [InlineData("inject=", "inject=: \"\" is no call; expected the name of an ioctl, or one of: open, read, write, "
        + "mmap, ioctl, iommu, vfio, vdpa, sva, all")]
    [InlineData("inject=IOMMU_IOAS_MOP:error=EIO", "inject=IOMMU_IOAS_MOP:error=EIO: \"IOMMU_IOAS_MOP\" is no call; "
        + "expected the name of an ioctl, or one of: open, read, write, mmap, ioctl, iommu, vfio, vdpa, sva, all")]
    [InlineData("inject=dma:lost", "inject=dma:lost: \"dma:lost\" is nothing that can go wrong; expected one of: "
        + "dma:fault, dma:delay, irq:lost, irq:doubled, inv:dropped, inv:slow, prq:overflow, device:surprise-reset, "
        + "device:gone, pasid:exhausted")]
    [InlineData("inject=mmap", "inject=mmap: a call fails with an errno, as in: error=ENOMEM")]
    [InlineData("inject=mmap:error=ENOMEN", "inject=mmap:error=ENOMEN: \"ENOMEN\" is no errno such as ENOMEM")]
    [InlineData("inject=mmap:error=12", "inject=mmap:error=12: \"12\" is no errno such as ENOMEM")]
    [InlineData("inject=mmap:error=EIO:when=0",
        "inject=mmap:error=EIO:when=0: \"0\" does not say when; expected N, N+, N+STEP, N..M or N..M+STEP, counted "
        + "from 1")]
    [InlineData("inject=dma:fault:when=3..2",
        "inject=dma:fault:when=3..2: \"3..2\" does not say when; expected N, N+, N+STEP, N..M or N..M+STEP, counted "
        + "from 1")]
    [InlineData("inject=dma:fault:error=EIO", "inject=dma:fault:error=EIO: \"error\" says nothing about dma:fault; "
        + "expected some of: device, when, probability, seed")]
    [InlineData("inject=dma:delay:delay=2h", "inject=dma:delay:delay=2h: \"2h\" is no delay such as 500us, 20ms or 1s, "
        + "up to 60s")]
    [InlineData("inject=dma:delay:delay=61s", "inject=dma:delay:delay=61s: \"61s\" is no delay such as 500us, 20ms or "
        + "1s, up to 60s")]
    [InlineData("inject=irq:lost:probability=2", "inject=irq:lost:probability=2: \"2\" is no probability such as 0.25")]
    [InlineData("inject=irq:lost:probability=NaN",
        "inject=irq:lost:probability=NaN: \"NaN\" is no probability such as 0.25")]
    [InlineData("inject=irq:lost:probability=1:seed=-1",
        "inject=irq:lost:probability=1:seed=-1: \"-1\" is no seed: a number that is not negative")]
    [InlineData("inject=irq:lost:seed=1", "inject=irq:lost:seed=1: seed is of use only with probability")]
    [InlineData("inject=irq:lost:when=1:when=2", "inject=irq:lost:when=1:when=2: when given twice")]
    [InlineData("inject=pasid:exhausted:device=1000:00:04.0", "inject=pasid:exhausted:device=1000:00:04.0: \"device\" "
        + "says nothing about pasid:exhausted; expected some of: when, probability, seed")]
    public void AMistakeIsTold(string text, string expected)
    {
        Assert.Equal(expected, InjectionRules.TryRead([text], out InjectionRules? rules));
        Assert.Null(rules);
    }

    [Fact]
    public void NoRulesAreNothing()
    {
        Assert.Null(InjectionRules.TryRead([], out InjectionRules? rules));
        Assert.Null(rules);
    }

    [Fact]
    public void ADeviceThatThereIsNotIsTold()
    {
        InjectionRules rules = Rules.Of("dma:fault:device=1000:00:05.0:when=2");
        Assert.Equal("inject: there is no device \"1000:00:05.0\"; expected one of: 1000:00:03.0, n0",
            rules.UseNames(["1000:00:03.0", "n0"], e => e.Id.ToString()));
        Assert.Null(rules.UseNames(["1000:00:05.0"], e => e.Id.ToString()));
        Assert.Null(Rules.Of("dma:fault:device=0:5.0").UseNames(["0000:00:05.0"], e => e.Id.ToString()));
        Assert.Equal(InjectedFaults.DmaFault, rules.Faults);
    }
}
