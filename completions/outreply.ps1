# PowerShell completion for outreply; PowerShell 5.1 and later.

Register-ArgumentCompleter -Native -CommandName outreply, outreply.exe -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | ForEach-Object { $_.ToString() })
    $given = @($words | Select-Object -Skip 1)
    if ($wordToComplete -ne '' -and $given.Count) {
        $given = @($given | Select-Object -First ($given.Count - 1))
    }
    # An empty argument would be lost on its way to a native command.
    $typed = if ($wordToComplete) { $wordToComplete } else { '""' }
    foreach ($line in & $words[0] __complete @given $typed 2>$null) {
        if ($line -eq ':files' -or $line -eq ':directories') {
            [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete)
        }
        elseif (-not $line.StartsWith(':')) {
            $value, $meaning = $line -split "`t", 2
            if (-not $meaning) { $meaning = $value }
            [System.Management.Automation.CompletionResult]::new(
                $value, $value, 'ParameterValue', $meaning)
        }
    }
}
