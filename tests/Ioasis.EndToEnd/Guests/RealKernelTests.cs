using System.Runtime.InteropServices;

namespace Ioasis.EndToEnd.Guests;

/// <summary>
/// The NVMe driver of the examples on a real kernel: the vfio-pci and iommufd are those of a guest's Linux, the
/// controller and the IOMMU are QEMU's own. Nothing of Ioasis is there but the driver and the library below it.
/// </summary>
[Collection(nameof(GuestBench))]
public sealed class RealKernelTests(GuestBench guests, Workbench bench)
{
    private const int DiskSize = 64 << 20, Place = 1 << 20;

    [Theory]
    [InlineData("aw-bits=39", "intel_iommu=on", "0x7fffffffff")]
    [InlineData("scalable-mode=on,fsts=on,aw-bits=48", "intel_iommu=on,sm_on", "0x7fffffffffff")]
    public async Task The_driver_works_on_vfio_and_iommufd_of_Linux_and_survives_resets(
        string viommu, string append, string lastIova)
    {
        string work = await guests.Work($"sh ./nvme_driver.sh {Guest.Bdf}"),
            disk = Path.Combine(await bench.Scratch(Who.Self), "disk"),
            dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));
        string driver = Path.Combine(bench.Root, "artifacts/bin/NvmeDriver/release");
        (await Execution.Run(["cp", "-r", driver, Path.Combine(work, "driver")])).MustEnd();
        byte[] written = new byte[1 << 20];
        Random.Shared.NextBytes(written);
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await File.WriteAllBytesAsync(Path.Combine(work, "written"), written, cancel);
        await File.WriteAllBytesAsync(disk, new byte[DiskSize], cancel);

        Ending ending = (await Execution.Run(guests.Alone(work,
                "-smp", "2", "-device", $"intel-iommu,{viommu}",
                "-drive", $"file={disk},format=raw,if=none,id=disk",
                "-device", "nvme,drive=disk,serial=real,bus=pcie.0,addr=0x10",
                "-fsdev", $"local,id=dotnet,path={dotnet},security_model=none,readonly=on",
                "-device", "virtio-9p-pci,fsdev=dotnet,mount_tag=dotnet"),
            new Dictionary<string, string> { ["MEMORY"] = "1G", ["APPEND"] = append },
            patience: GuestBench.Patience)).MustEnd();
        ending.MustSay($"{Guest.Bdf}: \"QEMU NVMe Ctrl\", serial \"real\", 131072 blocks of 512 bytes, 524288 bytes a",
            $"IOVAs 0x0-0xfedfffff, 0xfef00000-{lastIova}",
            "verified 4 MiB in commands of 4096 bytes, 32 at a time, ", "reads of 524288 bytes a second, 64 in flight",
            "nvme_driver: all as it must be");

        byte[] image = await File.ReadAllBytesAsync(disk, cancel);
        Assert.True(image.AsSpan(Place, written.Length).SequenceEqual(written), "the disk has other bytes");
    }
}
