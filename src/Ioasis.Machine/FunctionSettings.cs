using Ioasis.Machine.Sysfs;

namespace Ioasis.Machine;

/// <summary>
/// What programs set of a function through its directory in sysfs. What Linux would refuse changes nothing.
/// </summary>
internal sealed class FunctionSettings
{
    private readonly IReadOnlyList<string> _allMethods;
    private readonly Action _reset;
    private volatile string? _driverOverride;
    private volatile IReadOnlyList<string> _resetMethods;
    private volatile string _powerControl = "auto"; // as vfio-pci leaves it

    /// <summary>What they are at the beginning.</summary>
    /// <param name="resetMethods">The ways in which it can be reset, as Linux names them, the first choice
    /// first.</param>
    /// <param name="reset">Resets it; must not wait.</param>
    internal FunctionSettings(IReadOnlyList<string> resetMethods, Action reset)
    {
        _allMethods = _resetMethods = resetMethods;
        _reset = reset;
    }

    /// <summary>The only driver that may have it; null for any.</summary>
    internal string? DriverOverride => _driverOverride;

    /// <summary>The ways in which <c>reset</c> may reset it. There are none where a program took them away.</summary>
    internal IReadOnlyList<string> ResetMethods => _resetMethods;

    /// <summary>Whether it may sleep on its own: <c>auto</c> or <c>on</c>.</summary>
    internal string PowerControl => _powerControl;

    internal Toggle BrokenParity { get; } = new(false);

    internal Toggle D3coldAllowed { get; } = new(true);

    internal Toggle MsiAllowed { get; } = new(true);

    internal void SetDriverOverride(ReadOnlyMemory<byte> text) =>
        _driverOverride = SysfsText.Line(text.Span) is { Length: > 0 } name ? name : null;

    internal void SetPowerControl(ReadOnlyMemory<byte> text)
    {
        if (SysfsText.Line(text.Span) is var control && control is "auto" or "on") _powerControl = control;
    }

    /// <summary>
    /// Methods with spaces between them; none for an empty text, and those of the beginning for <c>default</c>.
    /// </summary>
    internal void SetResetMethods(ReadOnlyMemory<byte> text)
    {
        string line = SysfsText.Line(text.Span);
        string[] names = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (line == "default") _resetMethods = _allMethods;
        else if (names.All(_allMethods.Contains)) _resetMethods = names;
    }

    /// <summary>What is written to <c>reset</c>: 1.</summary>
    internal void Reset(ReadOnlyMemory<byte> text)
    {
        if (SysfsNumber.TryParse(text.Span, out ulong number) && number == 1 && _resetMethods.Count != 0) _reset();
    }

    /// <summary>A setting that is on or off.</summary>
    internal sealed class Toggle(bool initial)
    {
        private volatile bool _isOn = initial;

        internal bool IsOn => _isOn;

        internal string Text => _isOn ? "1" : "0";

        internal void Set(ReadOnlyMemory<byte> text)
        {
            if (SysfsNumber.TryParse(text.Span, out ulong number)) _isOn = number != 0;
        }
    }
}
