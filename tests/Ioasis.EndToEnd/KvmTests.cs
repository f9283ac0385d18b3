namespace Ioasis.EndToEnd;

/// <summary>
/// Virtual machines on KVM whose monitor is a program of ours. Without /dev/kvm they say so and do not count.
/// </summary>
public sealed class KvmTests(Workbench bench)
{
    private const int NoKvm = 77;

    [Theory]
    [InlineData("kvm_files", Machine.Edu, Machine.DmaTest, "files of devices and of groups: ok",
            "held until the device is closed: ok", "processes: ok")]
    [InlineData("kvm_bars", Machine.DmaTest, "", "a guest's stores reach the device: ok", "a guest sees a fault: ok")]
    [InlineData("kvm_irqs", Machine.Edu, Machine.DmaTest, "messages by irqfd, kicks by ioeventfd: ok",
            "a line, resampled: ok")]
    [InlineData("kvm_dirty", Machine.DmaTest, "", "each logs its own: ok", "reads, and off: ok")]
    public async Task A_machine_has_devices_as_on_Linux(string program, string bdf, string other, params string[] says)
    {
        Ending ending = await Execution.Run(
            bench.UnderIoasis(Who.Self, Machine.Devices, bench.Client(program), bdf, other));
        Assert.SkipWhen(ending.Code == NoKvm, ending.Error);
        ending.MustEnd().MustSay([.. says, $"{program}: all as it must be"]);
    }
}
